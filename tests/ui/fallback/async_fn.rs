use asynctools::parallel;

#[parallel]
async fn double(n: usize) -> usize { //~ ERROR
    std::future::ready(2 * n).await
}

async fn caller() -> usize {
    double(double(1).await).await
}

fn main() {
    drop(caller());
}
