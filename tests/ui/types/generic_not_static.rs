use asynctools::parallel;

#[parallel]
fn f<T: ToString + Send>(n: u8, t: T) -> String { //~ ERROR
    t.to_string() + &n.to_string()
}

fn main() {}
