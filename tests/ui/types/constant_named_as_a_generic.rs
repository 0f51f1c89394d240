use asynctools::pooled;

pub const K: usize = 4;

#[pooled]
fn f(points: &[[f32; K]]) -> usize { //~ ERROR
    points.len()
}

#[pooled]
fn g(points: &[[f32; self::K]]) -> usize {
    points.len()
}

fn main() {}
