//! The annotated functions that the calls of a program name.

use asynctools::parallel;
use asynctools::pooled;

use crate::run::state::Target;
use crate::run::work::Work;
use crate::value::Bad;
use crate::value::Fail;
use crate::value::Mild;
use crate::value::Val;

/// A call of an annotated function on a pool.
pub(crate) struct OnPool {
    pub(crate) target: Target,
    pub(crate) work: Work,
}

impl OnPool {
    fn into_work(self) -> Work {
        let Self { target, work } = self;
        // The thread that drops the pool waits until no other owner is left.
        drop(target);
        work
    }
}

/// A call of an annotated function on a thread of its own.
pub(crate) struct OnThread(pub(crate) Work);

impl OnThread {
    fn into_work(self) -> Work {
        self.0
    }
}

/// Gives both types the same functions, each with the attribute of the type.
macro_rules! functions {
    ($type:ident: $attribute:tt, $other:ident: $other_attribute:tt; $functions:tt) => {
        functions!(@$type $attribute $functions);
        functions!(@$other $other_attribute $functions);
    };
    (@$type:ident $attribute:tt {
        $(fn $name:ident($($parameters:tt)*) $body:tt)*
    }) => {
        impl $type {
            $(
                # $attribute
                pub(crate) fn $name<E: Fail>($($parameters)*) -> Result<Val, E> $body
            )*
        }
    };
}

functions! {
    OnPool: [pooled(pool = self.target)], OnThread: [parallel];
    {
        fn none(self) {
            self.into_work().run()
        }

        fn one(self, a: Val) {
            let work = self.into_work();
            work.got(0, a.disarm());
            work.run()
        }

        fn two(self, a: Val, b: &Val) {
            let work = self.into_work();
            work.got(0, a.origin);
            work.got(1, b.origin);
            work.run()
        }

        fn whole_mild(self, a: Result<Val, Mild>) {
            let work = self.into_work();
            work.got_result(0, &a);
            work.run()
        }

        fn whole_bad(self, a: Result<Val, Bad>) {
            let work = self.into_work();
            work.got_result(0, &a);
            work.run()
        }

        fn many(self, all: Vec<Val>) {
            let work = self.into_work();
            work.got_all(&all);
            work.run()
        }

        fn slice(self, all: &[Val]) {
            let work = self.into_work();
            work.got_all(all);
            work.run()
        }
    }
}
