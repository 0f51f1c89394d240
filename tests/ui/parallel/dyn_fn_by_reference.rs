use asynctools::parallel;

#[parallel]
fn apply(f: &(dyn Fn(u8) -> u8 + Sync), n: u8) -> u8 { //~ ERROR
    f(n)
}

fn main() {
    apply(&|n| n, 1).get();
}
