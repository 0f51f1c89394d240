use asynctools::parallel;

struct Config;

#[parallel]
fn check(config: &Config) -> usize {
    size_of_val(config)
}

fn main() {
    check(Config).detach(); //~ ERROR
}
