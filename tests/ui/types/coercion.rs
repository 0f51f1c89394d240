use asynctools::parallel;

#[parallel]
fn run(task: Box<dyn Fn() -> u8 + Send>) -> u8 {
    task()
}

fn main() {
    run(Box::new(|| 1)).detach(); //~ ERROR
}
