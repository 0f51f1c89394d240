use asynctools::parallel;

#[parallel]
unsafe fn double(n: usize) -> usize { //~ ERROR
    2 * n
}

fn main() {
    let n: usize = unsafe { double(1) }.get();
    assert_eq!(n, 2);
}
