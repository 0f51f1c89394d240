use asynctools::parallel;

struct Config;

#[parallel]
fn load() -> Config {
    Config
}

#[parallel]
fn take(config: Config) {
    drop(config);
}

fn main() {
    let config = load();
    take(&config).detach(); //~ ERROR
}
