use asynctools::parallel;

struct Config;

#[parallel]
fn check(config: &Config) -> usize {
    size_of_val(config)
}

#[parallel]
fn load() -> Config {
    Config
}

fn main() {
    let config = load();
    check(&config).detach(); //~ ERROR
}
