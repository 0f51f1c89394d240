//! What the rewritten function does: it hands its inputs and the body to the runtime.

use proc_macro2::{Delimiter, Group, Span, TokenStream};
use quote::{ToTokens, format_ident, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Expr, Ident, Receiver, Stmt, Type};

use crate::args::On;
use crate::args::Queue;
use crate::model::Ends;
use crate::model::Failure;
use crate::model::Form;
use crate::model::Param;
use crate::model::Receives;
use crate::plan::Plan;
use crate::plan::at;
use crate::values::OnFull;

/// One input of the call.
struct Input {
    /// What the closure around the body calls it.
    local: Ident,
    /// `arg_ref::<str, E, _>(url)`
    given: TokenStream,
    /// `local.borrow()`
    passed: TokenStream,
}

impl Plan<'_> {
    /// ```text
    /// Call::<E, ()>::new(&FUNCTION, POOL.get()).try_run2(
    ///     arg_ref::<str, E, _>(url),
    ///     arg::<T, E, _>(t),
    ///     |input0, input1| __asynctools_fetch::<T>(input0.borrow(), input1),
    /// )
    /// ```
    pub(crate) fn work(&self) -> TokenStream {
        let span = self.name_span;
        let (runtime, error) = (self.runtime(span), self.error_type());
        let (function, pool) = (self.identity(), self.pool());
        let borrowed_pool = self.borrowed_pool();
        let receiver = self.function.receiver().map(|receiver| self.receiver(receiver));
        let params = self.function.params.iter().zip(&self.names).enumerate();
        let params = params.map(|(index, (param, name))| self.param(param, name, index));
        let inputs: Vec<Input> = receiver.into_iter().chain(params).collect();
        let run = self.run(&inputs);
        quote_spanned! {span=>
            #borrowed_pool
            #runtime::__private::CallBuilder::<#error, ()>::new(#function, #pool) #run
        }
    }

    /// Who is called.
    fn identity(&self) -> TokenStream {
        let name = &self.function.sig.ident;
        let text = name.unraw().to_string();
        let span = self.name_span;
        let runtime = self.runtime(span);
        // The line of the function is that of this call: with a span of ours, it would be the line of the attribute.
        let within = quote_spanned!(name.span()=> .within(::core::module_path!()));
        quote_spanned! {span=> {
            static FUNCTION: #runtime::__private::Function = #runtime::__private::Name(#text) #within;
            &FUNCTION
        }}
    }

    fn pool(&self) -> TokenStream {
        let span = self.name_span;
        let runtime = self.runtime(span);
        match &self.args.on {
            On::Thread => quote_spanned!(span=> #runtime::__private::threads()),
            On::Global => quote_spanned!(span=> #runtime::Pool::global()),
            On::Own { workers, queue } => self.own_pool(workers, queue.as_ref()),
            On::Pool(_) => self.pool_name.to_token_stream(),
        }
    }

    fn own_pool(&self, workers: &Expr, queue: Option<&Queue>) -> TokenStream {
        let span = self.name_span;
        let runtime = self.runtime(span);
        let name = self.function.sig.ident.unraw().to_string();
        let workers = counted(workers);
        let limit = queue.map(|queue| {
            let limit = counted(&queue.limit);
            quote_spanned!(span=> .queue(#limit))
        });
        let on_full = queue.and_then(|queue| queue.on_full).map(|on_full| {
            let way = match on_full {
                OnFull::Block => quote_spanned!(span=> Block),
                OnFull::RunHere => quote_spanned!(span=> RunHere),
                OnFull::Reject => quote_spanned!(span=> Reject),
            };
            quote_spanned!(span=> .on_full(#runtime::OnFull::#way))
        });
        quote_spanned! {span=> {
            static POOL: #runtime::__private::FunctionPool =
                #runtime::__private::FunctionPool::new(#name, #workers) #limit #on_full;
            POOL.get()
        }}
    }

    /// A statement, so that what the user's expression makes lives until the call is handed on.
    fn borrowed_pool(&self) -> Option<TokenStream> {
        let On::Pool(expression) = &self.args.on else { return None };
        let (span, name) = (at(expression.span()), &self.pool_name);
        let runtime = self.runtime(span);
        let receives = self.function.receiver().map(Receives::of);
        // The pool may be a field of the `self` that moves into the call.
        if matches!(receives, Some(Receives::Value | Receives::Box)) {
            return Some(
                quote_spanned!(span=> let #name: &#runtime::Pool = &#runtime::__private::alias(&#expression);),
            );
        }
        Some(quote_spanned!(span=> let #name: &#runtime::Pool = &#expression;))
    }

    fn receiver(&self, receiver: &Receiver) -> Input {
        let word = &receiver.self_token;
        let ends = Ends::of(receiver);
        let span = at(ends.whole);
        let runtime = self.runtime(span);
        let local = Ident::new("this", span);
        let by_reference = matches!(Receives::of(receiver), Receives::Reference);
        let value = match (Receives::of(receiver), &self.args.on) {
            (Receives::Reference, _) => {
                quote_spanned!(span=> #runtime::__private::CloneSelf::clone_self(#word))
            }
            // The pool may be borrowed out of this `self`.
            (Receives::Arc, On::Pool(_)) => quote_spanned!(span=> ::std::sync::Arc::clone(&#word)),
            _ => word.to_token_stream(),
        };
        let value = parenthesized(&value, at(ends.last));
        Input {
            given: quote_spanned!(span=> #runtime::__private::plain #value),
            passed: if by_reference { quote_spanned!(span=> &#local) } else { local.to_token_stream() },
            local,
        }
    }

    fn param(&self, param: &Param, name: &Ident, index: usize) -> Input {
        let ty = &*param.syntax.ty;
        let span = at(param.ends.whole);
        let runtime = self.runtime(span);
        let local = format_ident!("input{index}", span = span);
        let make = match &param.form {
            Form::Plain => quote_spanned!(span=> plain),
            Form::Value => quote_spanned!(span=> arg::<#ty, _, _>),
            Form::Borrowed(borrowed) => quote_spanned!(span=> arg_ref::<#borrowed, _, _>),
        };
        // From the first token of the user's type to the last: that is what rustc then blames.
        let value = parenthesized(name, at(param.ends.last));
        Input {
            given: quote_spanned!(span=> #runtime::__private::#make #value),
            passed: match &param.form {
                Form::Plain | Form::Value => local.to_token_stream(),
                Form::Borrowed(ty) => {
                    quote_spanned!(span=> ::core::borrow::Borrow::<#ty>::borrow(&#local))
                }
            },
            local,
        }
    }

    fn run(&self, inputs: &[Input]) -> TokenStream {
        let output = self.function.output();
        let span = self.output_span;
        let given = inputs.iter().map(|input| &input.given);
        let locals = inputs.iter().map(|input| &input.local);
        let passed = inputs.iter().map(|input| &input.passed);
        let body = self.body_path();
        let method = match self.failure {
            Failure::Never => format_ident!("run{}", inputs.len(), span = span),
            Failure::Named(_) | Failure::Projected(_) => format_ident!("try_run{}", inputs.len(), span = span),
        };
        // A handle of `!` is one of `Infallible`: the type that is stable.
        let result = match output {
            Some(Type::Never(_)) => quote_spanned!(span=> -> ::core::convert::Infallible),
            _ => TokenStream::new(),
        };
        quote_spanned!(span=> .#method(#(#given,)* |#(#locals),*| #result { #body(#(#passed),*) }))
    }
}

/// `|| -> usize { workers }`, which a static can keep until it is wanted.
fn counted(expression: &Expr) -> TokenStream {
    // Where a statement can stand, `{ 1 } + 1` is two of them; as one, syn writes it in parentheses.
    let value = Stmt::Expr(expression.clone(), None);
    quote_spanned!(at(expression.span())=> || -> ::core::primitive::usize { #value })
}

fn parenthesized(value: &impl ToTokens, span: Span) -> Group {
    let mut group = Group::new(Delimiter::Parenthesis, value.to_token_stream());
    group.set_span(span);
    group
}
