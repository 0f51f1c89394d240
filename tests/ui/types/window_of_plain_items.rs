use asynctools::Calls as _;

fn main() {
    let paths = ["a", "b"];
    drop(paths.iter().buffered(8)); //~ ERROR
}
