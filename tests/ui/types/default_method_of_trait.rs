use asynctools::parallel;

trait Probe {
    #[parallel]
    fn is_up(&self) -> bool { //~ ERROR
        true
    }
}

fn main() {}
