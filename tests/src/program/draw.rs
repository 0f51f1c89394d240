//! How a program is drawn at random, one strategy per part.

use std::sync::Arc;

use asynctools::OnFull;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::Just;
use proptest::prelude::Strategy;
use proptest::prelude::any;
use proptest::prop_oneof;
use proptest::strategy::BoxedStrategy;

use crate::program::complete::complete;
use crate::program::plan::Act;
use crate::program::plan::At;
use crate::program::plan::Body;
use crate::program::plan::Call;
use crate::program::plan::Crowd;
use crate::program::plan::Features;
use crate::program::plan::Finish;
use crate::program::plan::Gust;
use crate::program::plan::Hook;
use crate::program::plan::Hooks;
use crate::program::plan::Keep;
use crate::program::plan::ListWait;
use crate::program::plan::Order;
use crate::program::plan::Own;
use crate::program::plan::PoolAct;
use crate::program::plan::PoolPlan;
use crate::program::plan::Program;
use crate::program::plan::Shape;
use crate::program::plan::Step;
use crate::program::plan::Storm;
use crate::program::plan::Style;
use crate::program::plan::Via;
use crate::program::plan::Wait;
use crate::program::plan::WaitsFor;

/// All programs with these features. The features do not change what is drawn.
pub(crate) fn programs(features: Features) -> BoxedStrategy<Program> {
    let style = prop_oneof![6 => Just(Style::Wild), 3 => Just(Style::Calm), 2 => Just(Style::Exact)];
    let parts = (
        style,
        vec(pool_plan(), 1..4),
        vec(call(), 1..22),
        vec(0..20_u8, 1..4),
        vec((any::<u16>(), disturbance()), 0..4),
        vec(operation(), 0..16),
        (1..4_usize, list_wait(), list_wait()),
        vec(crowd(), 0..3),
        // The last, as it came to the others: what a seed draws stays what it was, but for this.
        vec(storm(), 0..2),
    );
    parts.prop_map(move |parts| complete(parts, features)).boxed()
}

fn pool_plan() -> impl Strategy<Value = PoolPlan> {
    let on_full = prop_oneof![3 => Just(OnFull::Block), 2 => Just(OnFull::RunHere), 3 => Just(OnFull::Reject)];
    let bound = option::weighted(0.45, (1..4_usize, on_full));
    let workers = prop_oneof![1 => Just(0), 4 => Just(1), 2 => Just(2), 2 => 3..5_usize];
    let parts = (workers, bound, option::weighted(0.3, 0..400_u16), any::<bool>(), 1..4_usize);
    parts.prop_map(|(workers, bound, idle_micros, small_stack, last)| PoolPlan {
        workers,
        bound,
        idle_micros,
        small_stack,
        last,
    })
}

fn at() -> impl Strategy<Value = At> {
    prop_oneof![9 => Just(At::Own), 9 => (0..12_usize).prop_map(At::Pool), 1 => Just(At::Parallel), 1 => Just(At::Global)]
}

fn call() -> impl Strategy<Value = Call> {
    let shape = prop_oneof![
        4 => Just(Shape::Spawn),
        7 => Just(Shape::Call),
        1 => Just(Shape::Whole),
        1 => Just(Shape::Many),
        1 => Just(Shape::Slice),
        1 => Just(Shape::Map),
        1 => Just(Shape::AndThen),
        1 => Just(Shape::MapOk),
        1 => Just(Shape::Chain),
        1 => Just(Shape::Zip),
        1 => Just(Shape::ListMap),
        1 => Just(Shape::ListChain),
        1 => Just(Shape::Ready),
        1 => any::<bool>().prop_map(Shape::Promise),
    ];
    let keep = prop_oneof![Just(Keep::Moved), Just(Keep::Borrowed), Just(Keep::Shared)];
    let what = (at(), shape, vec(any::<u16>().prop_map(usize::from), 0..5), keep, any::<bool>(), body(5));
    let then = (wait(), 0..3_usize, any::<u16>(), proptest::bool::weighted(0.25));
    (what, then).prop_map(|((at, shape, args, keep, mild, body), (wait, user, rank, grouped))| Call {
        at,
        shape,
        args,
        keep,
        mild,
        body: Arc::new(body),
        wait,
        user,
        rank,
        grouped,
        last_reader: 0,
    })
}

fn body(depth: u32) -> BoxedStrategy<Body> {
    let end = prop_oneof![
        16 => Just(Finish::Value),
        2 => Just(Finish::Fail),
        1 => Just(Finish::Panic),
        1 => Just(Finish::PanicAny),
    ];
    let steps = if depth == 0 { Just(Vec::new()).boxed() } else { vec(step(depth - 1), 0..3).boxed() };
    let parts = (steps, end, proptest::bool::weighted(0.06), hooks());
    parts
        .prop_map(|(steps, end, brittle, hooks)| Body { id: 0, outer: 0, depth: 0, steps, end, brittle, hooks })
        .boxed()
}

fn hooks() -> impl Strategy<Value = Hooks> {
    let some = |panics: bool| option::weighted(0.12, hook(panics));
    (some(true), some(true), some(false), some(true)).prop_map(|(argument, result, clone, convert)| Hooks {
        argument,
        result,
        clone,
        convert,
    })
}

fn hook(panics: bool) -> impl Strategy<Value = Hook> {
    prop_oneof![
        2 => at().prop_map(Hook::Submit),
        3 => at().prop_map(Hook::Wait),
        1 => (at(), 0..200_u16).prop_map(|(at, micros)| Hook::Timed(at, micros)),
        3 => any::<u16>().prop_map(|call| Hook::Await(call.into())),
        1 => (0..12_usize).prop_map(Hook::CancelQueued),
        u32::from(panics) => Just(Hook::Panic),
    ]
}

fn crowd() -> impl Strategy<Value = Crowd> {
    let waits_for = prop_oneof![
        (0..200_u8).prop_map(WaitsFor::Promise),
        (0..200_u8, 0..2_000_u16).prop_map(|(yields, micros)| WaitsFor::PromiseTimed(yields, micros)),
        (0..200_u8).prop_map(WaitsFor::Token),
        (2..4_usize, 1..3_usize, any::<bool>()).prop_map(|(stages, queue, waits)| WaitsFor::Chain {
            stages,
            queue,
            waits
        }),
    ];
    (1..3_usize, 10..40_usize, waits_for).prop_map(|(workers, calls, waits_for)| Crowd { workers, calls, waits_for })
}

fn storm() -> impl Strategy<Value = Storm> {
    let gust = prop_oneof![
        3 => Just(Gust::Spawn),
        1 => Just(Gust::Nest),
        4 => (0..3_usize).prop_map(Gust::Resize),
        1 => Just(Gust::CancelQueued),
        1 => Just(Gust::RequestStop),
        1 => Just(Gust::Cancel),
        2 => (0..40_u16).prop_map(Gust::Close),
    ];
    (1..3_usize, any::<bool>(), vec(vec(gust, 1..4), 2..4)).prop_map(|(workers, paused, threads)| Storm {
        workers,
        paused,
        threads,
    })
}

fn own() -> impl Strategy<Value = Own> {
    prop_oneof![
        Just(Own::DropInside),
        Just(Own::DropElsewhere),
        Just(Own::CloseElsewhere),
        Just(Own::CloseEachOther),
        Just(Own::DropHere),
        Just(Own::CloseHere),
    ]
}

fn step(depth: u32) -> BoxedStrategy<Step> {
    let inner = body(depth);
    let via = prop_oneof![
        6 => Just(Via::Itself),
        1 => Just(Via::Map),
        1 => Just(Via::AndThen),
        1 => Just(Via::Chain),
        1 => Just(Via::Shared),
    ];
    let nest = (at(), inner.clone().prop_map(Arc::new), via, wait());
    let list = (vec((at(), inner.prop_map(Arc::new)), 1..4), list_wait());
    prop_oneof![
        2 => (0..12_u8).prop_map(Step::Yield),
        7 => nest.prop_map(|(at, body, via, wait)| Step::Nest { at, body, via, wait }),
        2 => list.prop_map(|(calls, wait)| Step::List { calls, wait }),
        1 => (0..4_usize, option::of(0..200_u16)).prop_map(|(gate, micros)| Step::Gate { gate, micros }),
        1 => (proptest::bool::weighted(0.7), wait()).prop_map(|(set, wait)| Step::Promise { set, wait }),
        1 => disturbance().prop_map(Step::Pool),
        1 => (any::<u16>(), option::of(0..200_u16)).prop_map(|(call, micros)| Step::Await { call: call.into(), micros }),
        1 => (own(), at()).prop_map(|(own, at)| Step::Own { own, at }),
    ]
    .boxed()
}

fn wait() -> impl Strategy<Value = Wait> {
    prop_oneof![
        6 => Just(Wait::Get),
        6 => Just(Wait::Outcome),
        2 => (0..300_u16).prop_map(Wait::GetTimeout),
        1 => (0..300_u16).prop_map(Wait::OutcomeTimeout),
        1 => (0..300_u16).prop_map(Wait::Within),
        1 => Just(Wait::Ended),
        1 => (0..20_u8).prop_map(Wait::TryGet),
        2 => (0..20_u8).prop_map(Wait::Poll),
        1 => (0..3_u8).prop_map(Wait::PollDrop),
        1 => hook(true).prop_map(Wait::Waker),
        1 => Just(Wait::PollAgain),
        3 => Just(Wait::Cancel),
        1 => Just(Wait::Stop),
        1 => Just(Wait::Drop),
        1 => Just(Wait::Detach),
    ]
}

fn list_wait() -> impl Strategy<Value = ListWait> {
    prop_oneof![
        2 => Just(ListWait::Get),
        3 => Just(ListWait::Outcomes),
        1 => Just(ListWait::Join),
        2 => Just(ListWait::AsCompleted),
        1 => (0..3_u8).prop_map(ListWait::AsCompletedPartly),
        1 => (0..300_u16).prop_map(ListWait::GetTimeout),
        1 => (0..300_u16).prop_map(ListWait::FirstTimeout),
        1 => Just(ListWait::First),
        1 => Just(ListWait::FirstOk),
        1 => Just(ListWait::Cancel),
        1 => Just(ListWait::Stop),
        2 => (1..4_u8, order()).prop_map(|(size, order)| ListWait::Window(size, order)),
        1 => (1..4_u8, order(), 0..3_u8).prop_map(|(size, order, most)| ListWait::WindowPartly(size, order, most)),
        1 => Just(ListWait::Drop),
    ]
}

fn order() -> impl Strategy<Value = Order> {
    prop_oneof![Just(Order::OfCalls), Just(Order::OfEnds)]
}

fn disturbance() -> impl Strategy<Value = PoolAct> {
    let pool = || 0..12_usize;
    prop_oneof![
        3 => (pool(), 1..5_usize).prop_map(|(pool, workers)| PoolAct::Resize(pool, workers)),
        2 => pool().prop_map(PoolAct::CancelQueued),
        1 => pool().prop_map(PoolAct::RequestStop),
        1 => pool().prop_map(PoolAct::Close),
        1 => (pool(), 0..300_u16).prop_map(|(pool, micros)| PoolAct::CloseTimeout(pool, micros)),
        1 => pool().prop_map(PoolAct::Drop),
    ]
}

fn operation() -> impl Strategy<Value = Act> {
    let resize = (0..12_usize, 0..5_usize).prop_map(|(pool, workers)| PoolAct::Resize(pool, workers));
    let pause = (0..12_usize).prop_map(|pool| PoolAct::Resize(pool, 0));
    prop_oneof![
        4 => (0..60_u8).prop_map(Act::Yield),
        3 => resize.prop_map(Act::Pool),
        2 => pause.prop_map(Act::Pool),
        1 => (0..12_usize).prop_map(|pool| Act::Pool(PoolAct::CancelQueued(pool))),
        1 => (0..12_usize).prop_map(|pool| Act::Pool(PoolAct::RequestStop(pool))),
    ]
}
