use asynctools::parallel;

#[parallel]
fn f(list: &mut Vec<u8>) { //~ ERROR
    list.clear();
}

fn main() {}
