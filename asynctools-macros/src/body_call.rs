//! The body of the rewritten function: it gives the arguments and the original function to the runtime.

use proc_macro2::{Delimiter, Group, Span, TokenStream};
use quote::{ToTokens, format_ident, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Expr, Ident, Receiver, Stmt, Type};

use crate::item::AnnotatedFunction;
use crate::item::Ends;
use crate::item::ErrorType;
use crate::item::Param;
use crate::item::Passing;
use crate::item::ReceiverKind;
use crate::kept_attributes::is_doc;
use crate::option_value::FullPolicy;
use crate::options::Queue;
use crate::options::RunsOn;
use crate::plan::Plan;
use crate::plan::hygienic;
use crate::type_walk::TypePart;
use crate::type_walk::walk_type;

/// One argument of the call.
pub(crate) struct CallArgument {
    /// The name of the closure's parameter.
    pub(crate) local: Ident,
    /// The expression for the runtime: `arg_ref::<str, E, _>(url)`.
    pub(crate) given: TokenStream,
    /// The expression for the original function: `input0.borrow()`.
    passed: TokenStream,
}

impl Plan<'_> {
    /// ```text
    /// return Call::<E, ()>::new(&FUNCTION, POOL.get()).try_run2(
    ///     arg_ref::<str, E, _>(url),
    ///     arg::<T, E, _>(t),
    ///     |input0, input1| __asynctools_fetch::<T>(input0.borrow(), input1),
    /// );
    /// ```
    ///
    /// clippy has a lint against a result without `return`, and no lint against a `return` of the macro's.
    pub(crate) fn body_call(&self) -> TokenStream {
        // Where the result has no error type after all, each place of the call would say so, and rustc prints once what
        // is told twice of one place.
        let projects = matches!(self.error_type, ErrorType::Projected(_));
        let span = if projects { self.output_span } else { self.name_span };
        let runtime = self.runtime(span);
        let function = self.identity();
        let borrowed_pool = self.borrowed_pool();
        let receiver = self.function.receiver().map(|receiver| self.receiver(receiver));
        let params = self.function.params.iter().zip(&self.names).enumerate();
        let params = params.map(|(index, (param, name))| self.param(param, name, index));
        let arguments: Vec<CallArgument> = receiver.into_iter().chain(params).collect();
        let run = self.run(&arguments);
        let kind = self.kind();
        let error = match self.can_fail() {
            true if projects => quote_spanned!(span=> _),
            true => self.error_type(),
            false => quote_spanned!(span=> ::core::convert::Infallible),
        };
        let begun = self.begun(&function, &error, span);
        quote_spanned! {span=>
            #borrowed_pool
            return #runtime::__private::#begun #kind #run;
        }
    }

    /// Writes the static that names the function in errors.
    pub(crate) fn identity(&self) -> TokenStream {
        let name = &self.function.sig.ident;
        let text = name.unraw().to_string();
        let span = self.name_span;
        let runtime = self.runtime(span);
        // `within` records its caller's line. With a span of the macro's, that would be the line of the attribute.
        // The path has a span of the macro's, because `::core` means another thing in a crate of edition 2015.
        let module = quote_spanned!(span=> ::core::module_path!());
        let within = quote_spanned!(name.span()=> .within(#module));
        quote_spanned! {span=> {
            static FUNCTION: #runtime::__private::Function = #runtime::__private::Name(#text) #within;
            &FUNCTION
        }}
    }

    /// Writes the begin of a call. The usual pools have functions of their own, which cost rustc less than the path of a pool and
    /// its conversion.
    fn begun(&self, function: &TokenStream, error: &TokenStream, span: Span) -> TokenStream {
        let pool = match &self.options.runs_on {
            RunsOn::Thread => return quote_spanned!(span=> on_a_thread::<#error>(#function)),
            RunsOn::Global => return quote_spanned!(span=> on_the_default_pool::<#error>(#function)),
            RunsOn::Own { workers, queue } => self.own_pool(workers, queue.as_ref()),
            RunsOn::Pool(_) => self.pool_name.to_token_stream(),
        };
        quote_spanned!(span=> CallBuilder::<#error, ()>::new(#function, #pool))
    }

    /// Writes the static of the function's own pool. The user's expressions stand in its scope and see its name, because
    /// an item has no hygiene.
    fn own_pool(&self, workers: &Expr, queue: Option<&Queue>) -> TokenStream {
        let span = self.name_span;
        let runtime = self.runtime(span);
        let name = self.function.sig.ident.unraw().to_string();
        let workers = lazy_usize(workers);
        let limit = queue.map(|queue| {
            let limit = lazy_usize(&queue.limit);
            quote_spanned!(span=> .queue(#limit))
        });
        let on_full = queue.and_then(|queue| queue.on_full).map(|on_full| {
            let way = match on_full {
                FullPolicy::Block => quote_spanned!(span=> Block),
                FullPolicy::RunHere => quote_spanned!(span=> RunHere),
                FullPolicy::Reject => quote_spanned!(span=> Reject),
            };
            quote_spanned!(span=> .on_full(#runtime::OnFull::#way))
        });
        quote_spanned! {span=> {
            static __ASYNCTOOLS_POOL: #runtime::__private::FunctionPool =
                #runtime::__private::FunctionPool::new(#name, #workers) #limit #on_full;
            __ASYNCTOOLS_POOL.get()
        }}
    }

    /// Writes a statement with the user's pool, so that a temporary of the user's expression lives until the call has
    /// started.
    fn borrowed_pool(&self) -> Option<TokenStream> {
        let RunsOn::Pool(expression) = &self.options.runs_on else { return None };
        let (span, name) = (hygienic(expression.span()), &self.pool_name);
        let runtime = self.runtime(span);
        // A name is a `static`, or a `const`: each use of a `const` would be a pool of its own, which lives for one call.
        if is_a_name(expression) {
            return Some(quote_spanned!(span=> let #name: &'static #runtime::Pool = &#expression;));
        }
        // First of all, so that the wanted type decides nothing about what a call returns.
        let made = made_value(expression);
        let first = made.map(|made| quote_spanned!(span=> let #name = #runtime::__private::borrowed_pool(#made);));
        let expression = if made.is_some() { name.to_token_stream() } else { expression.to_token_stream() };
        let receives = self.function.receiver().map(ReceiverKind::of);
        // The pool may be a field of `self`, which moves into the call.
        if matches!(receives, Some(ReceiverKind::Value | ReceiverKind::Box)) {
            return Some(quote_spanned!(span=> let #name = &{ #first #runtime::__private::pool_of(&#expression) };));
        }
        Some(quote_spanned!(span=> #first let #name: &#runtime::Pool = &#expression;))
    }

    fn receiver(&self, receiver: &Receiver) -> CallArgument {
        let word = &receiver.self_token;
        let ends = Ends::of(receiver);
        let span = hygienic(ends.whole);
        let runtime = self.runtime(span);
        let local = Ident::new("this", span);
        let by_reference = matches!(ReceiverKind::of(receiver), ReceiverKind::Reference);
        let value = match (ReceiverKind::of(receiver), &self.options.runs_on) {
            (ReceiverKind::Reference, _) => {
                // At the word of a `self: &Self` rustc would propose `&self: &Self` in the place of our words.
                let mut word = *word;
                if receiver.colon_token.is_some() {
                    word.span = word.span.located_at(ends.last);
                }
                quote_spanned!(span=> #runtime::__private::CloneSelf::clone_self(#word))
            }
            // The pool may be borrowed from `self`.
            (ReceiverKind::Arc, RunsOn::Pool(_)) => quote_spanned!(span=> ::std::sync::Arc::clone(&#word)),
            _ => word.to_token_stream(),
        };
        let value = parenthesized(&value, hygienic(ends.last));
        CallArgument {
            given: quote_spanned!(span=> #runtime::__private::plain #value),
            passed: if by_reference { quote_spanned!(span=> &#local) } else { local.to_token_stream() },
            local,
        }
    }

    pub(crate) fn param(&self, param: &Param, name: &Ident, index: usize) -> CallArgument {
        let ty = &*param.syntax.ty;
        let span = hygienic(param.ends.whole);
        let runtime = self.runtime(span);
        let local = format_ident!("input{index}", span = span);
        let make = match &param.passing {
            Passing::Plain => quote_spanned!(span=> plain),
            Passing::ByValue => quote_spanned!(span=> arg::<#ty, _, _>),
            Passing::ByReference(borrowed) => quote_spanned!(span=> arg_ref::<#borrowed, _, _>),
        };
        // The expression has the span of the user's type, so that rustc underlines the type.
        let value = parenthesized(name, hygienic(param.ends.last));
        CallArgument {
            given: quote_spanned!(span=> #runtime::__private::#make #value),
            passed: match &param.passing {
                Passing::Plain | Passing::ByValue => local.to_token_stream(),
                Passing::ByReference(ty) => {
                    quote_spanned!(span=> ::core::borrow::Borrow::<#ty>::borrow(&#local))
                }
            },
            local,
        }
    }

    /// Returns whether an argument can end the call with an error: a handle can.
    fn can_fail(&self) -> bool {
        !matches!(self.error_type, ErrorType::Never) && self.function.takes_handles()
    }

    /// Writes `.kind(Probe::<io::Result<u32>>::new().kind())` where the function alone can fail: watchers want to know. Its type may
    /// be another one of that name, so the compiler says whether it is a `Result`. `()` stands for an `impl Trait`, which may not
    /// stand in an expression.
    fn kind(&self) -> Option<TokenStream> {
        let written = match &self.error_type {
            ErrorType::Never => return None,
            _ if self.can_fail() => return None,
            ErrorType::Named(_) => self.function.output()?,
            ErrorType::Projected(result) => result,
        };
        let mut written = written.clone();
        walk_type(&mut written, &mut |part| {
            if let TypePart::Impl(opaque) = part {
                *opaque = syn::parse_quote!(());
            }
        });
        let span = self.name_span;
        let runtime = self.runtime(span);
        Some(quote_spanned!(span=> .kind(#runtime::__private::Probe::<#written>::new().kind())))
    }

    fn run(&self, arguments: &[CallArgument]) -> TokenStream {
        let output = self.function.output();
        let span = self.output_span;
        let given = arguments.iter().map(|argument| &argument.given);
        let locals = arguments.iter().map(|argument| &argument.local);
        let passed = arguments.iter().map(|argument| &argument.passed);
        let body = self.body_path();
        let method = if self.can_fail() { "try_run" } else { "run" };
        let method = format_ident!("{method}{}", arguments.len(), span = span);
        // `!` is no stable type, so the handle holds an `Infallible`.
        let result = match output {
            Some(Type::Never(_)) => quote_spanned!(span=> -> ::core::convert::Infallible),
            _ => TokenStream::new(),
        };
        if self.is_its_own_closure() {
            return quote_spanned!(span=> .#method(#(#given,)* #body));
        }
        quote_spanned!(span=> .#method(#(#given,)* |#(#locals),*| #result { #body(#(#passed),*) }))
    }

    /// Returns whether the original function can be given to the runtime as it is, which costs the compiler less than a
    /// closure: it takes what the call has, and no attribute forbids that (`target_feature`) or would see another caller
    /// (`track_caller`). About a name of the user's, which `sync` gives, rustc has the better words where it is called.
    fn is_its_own_closure(&self) -> bool {
        let AnnotatedFunction { attrs, sig, params, .. } = self.function;
        let borrows_self = |receiver| matches!(ReceiverKind::of(receiver), ReceiverKind::Reference);
        self.options.sync.is_none()
            && sig.unsafety.is_none()
            && attrs.iter().all(is_doc)
            && !self.function.receiver().is_some_and(borrows_self)
            && !params.iter().any(|param| matches!(param.passing, Passing::ByReference(_)))
            && !matches!(self.function.output(), Some(Type::Never(_)))
    }
}

/// Returns whether the expression is a path, borrowed or not.
fn is_a_name(expression: &Expr) -> bool {
    match expression {
        Expr::Group(group) => is_a_name(&group.expr),
        Expr::Paren(paren) => is_a_name(&paren.expr),
        Expr::Reference(reference) => is_a_name(&reference.expr),
        Expr::Path(path) => !path.path.is_ident("self"),
        _ => false,
    }
}

/// Returns the call that makes the value of the expression, borrowed or not.
fn made_value(expression: &Expr) -> Option<&Expr> {
    match expression {
        Expr::Group(group) => made_value(&group.expr),
        Expr::Paren(paren) => made_value(&paren.expr),
        Expr::Reference(reference) => made_value(&reference.expr),
        Expr::Call(_) | Expr::MethodCall(_) => Some(expression),
        _ => None,
    }
}

/// Writes `|| -> usize { workers }`, which a static can hold until the first call.
fn lazy_usize(expression: &Expr) -> TokenStream {
    // As tokens of a block, `{ 1 } + 1` would be two statements. syn writes one statement, with parentheses.
    let value = Stmt::Expr(expression.clone(), None);
    quote_spanned!(hygienic(expression.span())=> || -> ::core::primitive::usize { #value })
}

fn parenthesized(value: &impl ToTokens, span: Span) -> Group {
    let mut group = Group::new(Delimiter::Parenthesis, value.to_token_stream());
    group.set_span(span);
    group
}
