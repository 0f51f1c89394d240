//! Expansions among names that are not what they seem. Each module shadows what an expansion would say if it were careless.

#![expect(clippy::ptr_arg, reason = "the names are the traps")]

/// A caller that has modules of these names in scope.
mod shadowed_crates {
    #![allow(dead_code, reason = "traps")]

    mod core {}
    mod std {}
    mod alloc {}
    mod asynctools {}

    #[::asynctools::pooled(workers = 2, queue = 4, on_full = "block", sync = shout_now)]
    fn shout(text: &str) -> ::std::result::Result<::std::string::String, ::std::string::String> {
        Ok(text.to_uppercase())
    }

    #[derive(Clone)]
    struct Client(usize);

    impl Client {
        #[::asynctools::parallel]
        fn add(self: ::std::sync::Arc<Self>, n: usize) -> usize {
            self.0 + n
        }

        #[::asynctools::pooled(pool = ::asynctools::Pool::global())]
        fn stop(&self, stops: bool) -> ! {
            assert!(!stops);
            ::std::process::exit(1)
        }
    }

    #[test]
    fn paths_start_at_the_root() {
        assert_eq!(shout("a").get(), shout_now("a"));
        let client = Client(1);
        assert!(client.stop(true).outcome().is_err());
        assert_eq!(::std::sync::Arc::new(client).add(1).get(), 2);
    }
}

mod shadowed_types {
    #![allow(dead_code, non_camel_case_types, reason = "traps")]

    struct Vec;
    struct String;
    struct Option;
    struct Box;
    struct Some;
    struct Ok;
    struct Err;
    struct str;
    struct usize;
    struct u32;
    trait Fn {}
    trait FnOnce {}
    trait Send {}
    trait Sync {}
    trait Clone {}
    trait Borrow {}
    trait Into {}

    struct Pool;
    struct AsyncValue;
    struct Arg;
    struct ArgRef;
    struct Call;
    struct Function;
    struct OwnPool;
    struct OnFull;
    struct Infallible;
    struct Fallible;

    #[asynctools::pooled(workers = 2, queue = 4, on_full = "run_here")]
    fn length(text: &std::string::String, n: u8) -> std::io::Result<u8> {
        std::result::Result::Ok(n + u8::try_from(text.len()).unwrap())
    }

    #[asynctools::parallel]
    fn nothing() {}

    #[test]
    fn types_are_not_taken_from_around() {
        assert_eq!(length(&"abc".to_owned(), 1).get().unwrap(), 4);
        nothing().get();
    }
}

mod shadowed_macros {
    #![allow(unused_macros, reason = "traps")]

    macro_rules! traps {
        ($d:tt $($name:ident)*) => {
            $(macro_rules! $name { ($d($d token:tt)*) => { compile_error!("a macro of the user") }; })*
        };
    }

    traps!($ concat module_path file line unreachable panic);

    #[asynctools::pooled(workers = 2)]
    fn double(n: u8) -> u8 {
        2 * n
    }

    #[test]
    fn macros_are_not_taken_from_around() {
        assert_eq!(double(double(1)).get(), 4);
    }
}

/// A type named `Result` that is one, and one that is not named so.
mod shadowed_result {
    type Result<T, E = u8> = std::result::Result<T, E>;

    #[asynctools::parallel]
    fn fails(n: u8) -> Result<u8> {
        if n > 9 { Err(n) } else { Ok(n) }
    }

    #[asynctools::parallel]
    fn passes_on(n: u8) -> Result<u8, u16> {
        Ok(n)
    }

    #[test]
    fn aliases_of_result_fail_as_results() {
        assert_eq!(fails(1).get(), Ok(1));
        assert_eq!(passes_on(fails(10)).get(), Err(10));
    }
}

mod without_prelude {
    #![no_implicit_prelude]

    use ::std::assert_eq;
    use ::std::string::String;

    #[::asynctools::pooled(workers = 2, queue = 4, on_full = "reject", sync = add_now)]
    fn add(text: &str, n: usize) -> ::std::result::Result<usize, String> {
        ::std::result::Result::Ok(text.len() + n)
    }

    #[derive(::std::clone::Clone)]
    struct Client(usize);

    impl Client {
        #[::asynctools::parallel]
        fn add(&self, n: usize) -> usize {
            self.0 + n
        }
    }

    #[test]
    fn nothing_comes_from_a_prelude() {
        assert_eq!(add("abc", 1).get(), add_now("abc", 1));
        assert_eq!(Client(1).add(2).get(), 3);
    }
}

mod renamed_crate {
    mod tools {
        pub(super) use asynctools as renamed;
    }

    mod asynctools_macros {}

    #[asynctools::pooled(workers = 2, queue = 3, on_full = "reject", crate = tools::renamed)]
    fn of_path(text: &str, n: u8) -> std::io::Result<usize> {
        Ok(text.len() + usize::from(n))
    }

    #[asynctools::parallel(crate = self::tools::renamed)]
    fn of_self_path(n: u8) -> u8 {
        n
    }

    #[asynctools::pooled(crate = crate::hygiene::renamed_crate::tools::renamed)]
    fn of_crate_path(n: u8, #[cfg(test)] m: u8) -> u8 {
        n + m
    }

    #[asynctools::pooled(crate = ::asynctools)]
    fn of_root_path(n: u8) -> u8 {
        n
    }

    #[test]
    fn the_runtime_may_have_another_name() {
        assert_eq!(of_path("abc", of_self_path(1)).get().unwrap(), 4);
        assert_eq!(of_crate_path(of_root_path(1), 1).get(), 2);
    }
}

/// Parameters, generics and items with the names that an expansion uses inside.
mod names_of_ours {
    use asynctools::{Pool, pooled};

    static FUNCTION: u8 = 1;
    static POOL: Pool = Pool::new(2);

    #[pooled(pool = POOL)]
    fn parameters(pool: u8, this: u8, input0: u8, input1: u8, arg0: u8, (arg1, arg5): (u8, u8), function: &u8) -> u8 {
        pool + this + input0 + input1 + arg0 + arg1 + arg5 + function + FUNCTION
    }

    mod of_options {
        use asynctools::pooled;

        const POOL: usize = 3;
        const FUNCTION: usize = 2;

        #[pooled(workers = POOL, queue = FUNCTION + POOL)]
        pub(super) fn constants(numbers: [u8; POOL]) -> [u8; FUNCTION] {
            [numbers[0], u8::try_from(POOL + FUNCTION).unwrap_or_default()]
        }

        #[pooled(workers = super::POOL.workers(), queue = POOL)]
        pub(super) fn of_a_pool(n: u8) -> u8 {
            n
        }
    }

    #[pooled(
        workers = match POOL.workers() { 0 => 1, n => n },
        queue = if let n @ 1.. = POOL.workers() { n } else { 1 },
    )]
    fn options_that_bind(n: u8) -> u8 {
        n
    }

    #[pooled(workers = POOL.workers(), queue = POOL.workers())]
    fn workers_of_a_pool(n: u8) -> u8 {
        n + FUNCTION
    }

    #[pooled(pool = POOL, sync = body_now)]
    fn body(__asynctools_body: u8, __asynctools_pool: u8, body_now: u8, (a, b): (u8, u8)) -> u8 {
        __asynctools_body + __asynctools_pool + body_now + a + b
    }

    #[pooled]
    fn generics<F, T, B, A, R>(f: F, t: T, b: &B, a: A, r: R) -> Result<(F, T, B, A), R>
    where
        F: Send + 'static,
        T: Send + 'static,
        B: Clone + Send + 'static,
        A: Send + 'static,
        R: Default + PartialEq + Send + 'static,
    {
        if r == R::default() { Ok((f, t, b.clone(), a)) } else { Err(r) }
    }

    #[derive(Clone)]
    struct Client(u8);

    impl Client {
        #[pooled]
        fn method(&self, this: u8, input0: u8) -> u8 {
            self.0 + this + input0
        }
    }

    macro_rules! same_names {
        ($name:ident) => {
            #[pooled]
            fn $name(n: u8, $name: u8, (arg0, _): (u8, u8)) -> u8 {
                n - $name + arg0
            }
        };
    }

    same_names!(n);

    #[test]
    fn names_do_not_meet() {
        assert_eq!(parameters(1, 2, 3, 4, 5, (6, 7), &8).get(), 37);
        assert_eq!(of_options::constants([1; 3]).get(), [1, 5]);
        assert_eq!(of_options::of_a_pool(workers_of_a_pool(options_that_bind(1))).get(), 2);
        assert_eq!(body(1, 2, 3, (4, 5)).get(), body_now(1, 2, 3, (4, 5)));
        assert_eq!(generics(1, "t", &'b', 2.5, 0).get(), Ok((1, "t", 'b', 2.5)));
        assert_eq!(Client(1).method(2, 3).get(), 6);
        assert_eq!(n(5, 3, (1, 0)).get(), 3);
    }
}
