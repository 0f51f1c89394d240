use asynctools::parallel;

struct Client<Item>(Item);

impl<Item: Send + 'static> Client<Item> {
    #[parallel]
    fn f(item: Item) -> Item { //~ ERROR
        item
    }
}

fn main() {}
