use asynctools::parallel;

#[parallel]
fn f(lines: &[&str]) -> usize { //~ ERROR
    lines.len()
}

fn main() {}
