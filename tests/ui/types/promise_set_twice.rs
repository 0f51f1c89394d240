use asynctools::AsyncValue;

fn main() {
    let (promise, value) = AsyncValue::promise();
    promise.set(1);
    promise.set(2); //~ ERROR
    value.detach();
}
