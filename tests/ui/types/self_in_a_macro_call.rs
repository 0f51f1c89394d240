use asynctools::pooled;

#[pooled]
fn f() -> usize { //~ ERROR
    stringify!(let client = Self::new();).len()
}

fn main() {}
