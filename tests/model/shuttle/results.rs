//! Results pass from call to call.

use asynctools_model::Pool;

use crate::check;
use crate::helpers::On;
use crate::helpers::pause;

#[test]
fn one_result_for_several() {
    check(|| {
        let on = On::new(2);
        let call = on.0.spawn(|| {
            pause();
            1
        });
        let cloned = on.add(&call, 1);
        let moved = on.add(call, 2);
        let sum = on.add(cloned, moved);
        assert_eq!(sum.get(), 5);
        on.0.close();
    });
}

#[test]
fn what_follows_a_call() {
    check(|| {
        let pool = Pool::new(1);
        let sum = pool.spawn(|| 1).map(|n| n + 1).zip(pool.spawn(|| 3));
        let followed = pool.spawn(|| ()).chain(|| 4);
        assert_eq!((sum.get(), followed.get()), ((2, 3), 4));
    });
}
