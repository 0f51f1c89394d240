use asynctools::AsyncList;
use asynctools::AsyncValue;
use asynctools::Calls as _;

fn main() {
    let list = AsyncList::from([1, 2].map(AsyncValue::ready));
    drop(list.get().into_iter().buffer_unordered(8)); //~ ERROR
}
