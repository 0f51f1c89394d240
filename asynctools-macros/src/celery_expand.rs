//! The expansion of `#[celery]`: the function, the type beside it, and the task.

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::{Error, GenericArgument, PathArguments, Signature, Type};

use crate::body_call::CallArgument;
use crate::celery_options::CeleryOptions;
use crate::celery_options::TaskOption;
use crate::celery_valid;
use crate::celery_valid::Written;
use crate::error::err;
use crate::item::AnnotatedFunction;
use crate::item::AnnotatedItem;
use crate::item::ErrorType;
use crate::item::Param;
use crate::item::Passing;
use crate::item::says_impl;
use crate::kept_attributes::BodyPlace;
use crate::kept_attributes::of_the_body;
use crate::kept_attributes::of_the_call;
use crate::plan::Plan;
use crate::plan::hygienic;

pub(crate) fn answer(options: TokenStream, item: TokenStream) -> TokenStream {
    let mut options = CeleryOptions::parse(options);
    let (item, written) = with_body(item);
    let AnnotatedItem::Function(function) = AnnotatedItem::parse(item.clone()) else {
        let mistake = err!(item, "`#[celery]` goes on a function; put it on each function that is to run on a fleet");
        let mistake = mistake.to_compile_error();
        return quote!(#mistake #item);
    };
    let in_options = celery_valid::check_options(&mut options, &function);
    let in_item = celery_valid::check(&options, &function, written);
    let errors: TokenStream = [&in_options, &in_item].into_iter().flatten().map(Error::to_compile_error).collect();
    if in_options.is_some() {
        options = options.beside_error(&function.sig.ident);
    }
    let shared = options.shared();
    let plan = Plan { refused: in_item.is_some(), ..Plan::new(&function, &shared) };
    let expansion = match in_item {
        None => Expansion { plan: &plan, options: &options }.write(),
        Some(_) => refused(&plan),
    };
    quote!(#errors #expansion)
}

/// Gives a declared function an empty body, so syn can read a function with a body.
fn with_body(item: TokenStream) -> (TokenStream, Written) {
    let mut tokens: Vec<TokenTree> = item.into_iter().collect();
    match tokens.last() {
        Some(TokenTree::Punct(end)) if end.as_char() == ';' => {
            let mut body = Group::new(Delimiter::Brace, TokenStream::new());
            body.set_span(end.span());
            tokens.pop();
            tokens.push(body.into());
            (tokens.into_iter().collect(), Written::WithoutBody)
        }
        _ => (tokens.into_iter().collect(), Written::WithBody),
    }
}

/// Writes the function for callers, as without the mistake. Writes nothing if only the body shows the type of the
/// result.
fn refused(plan: &Plan<'_>) -> TokenStream {
    if plan.function.output().is_some_and(says_impl) {
        return TokenStream::new();
    }
    let attrs = of_the_call(plan.function, BodyPlace::Hidden);
    let (vis, signature) = (&plan.function.vis, plan.signature());
    quote!(#(#attrs)* #[allow(unused_variables, reason = "the body is left out")] #vis #signature { ::core::unreachable!() })
}

struct Expansion<'m> {
    plan: &'m Plan<'m>,
    options: &'m CeleryOptions,
}

impl Expansion<'_> {
    /// ```text
    /// #[celery(queue = "images")]
    /// pub fn thumb(path: &str, width: u32) -> Result<T, E> { body }
    ///
    /// pub fn thumb(path: impl ArgRef<str, E>, width: impl Arg<u32, E>) -> AsyncValue<Result<T, E>> {
    ///     thumb::with().call(path, width)
    /// }
    /// pub struct thumb { options: CallOptions }
    /// impl thumb {
    ///     pub const NAME: &str = ..; pub const OPTIONS: TaskOptions = ..;
    ///     pub fn call(self, path: .., width: ..) -> AsyncValue<Result<T, E>> { HandOver::new(..).try_start2(.., send) }
    ///     pub fn sync(path: &str, width: u32) -> Result<T, E> { body }
    /// }
    /// impl Task for thumb { .. }
    /// inventory::submit! { Entry::of::<thumb>() }
    /// ```
    ///
    /// The type and the function have one name in two namespaces, so one `use` brings both.
    fn write(&self) -> TokenStream {
        let plan = self.plan;
        let function = plan.function;
        let (span, vis, name) = (plan.name_span, &function.vis, &function.sig.ident);
        let (celery, names, signature) = (self.celery(), &plan.names, plan.signature());
        let attrs = plan.documented(of_the_call(function, BodyPlace::Hidden), "on a fleet of Celery workers");
        let conditions: Vec<_> = function.attrs.iter().filter(|attr| attr.path().is_ident("cfg")).collect();
        let doc = format!("What a program says of [`{name}`](fn@{name}) besides its arguments.");
        let mut block = Group::new(Delimiter::Brace, quote_spanned!(span=> #name::with().call(#(#names),*)));
        block.set_span(function.body.span());
        let (constants, call) = (self.constants(), self.call());
        let (sync, task) = match &self.options.is_extern {
            Some(_) => (None, None),
            None => (Some(self.sync()), Some(self.task())),
        };
        let codecs = self.codecs();
        let kept = self.kept();
        // The program of a worker names the type alone.
        let by_type = self
            .options
            .is_extern
            .is_none()
            .then(|| quote!(#[allow(dead_code, reason = "a worker runs it by its type")]));
        quote_spanned! {span=>
            #(#attrs)*
            #by_type
            #[track_caller]
            #vis #signature #block
            #(#conditions)*
            #[doc = #doc]
            #[allow(non_camel_case_types, dead_code, reason = "it has the name of the function")]
            #[derive(Clone, Debug)]
            #vis struct #name {
                options: #celery::__private::CallOptions,
            }
            #(#conditions)*
            #celery::__private::with!(#name);
            #(#conditions)*
            #[allow(dead_code, reason = "a program uses what it needs")]
            impl #name {
                #constants
                #codecs
                #call
                #sync
            }
            #kept
            #(#conditions)*
            const _: () = {
                #task
            };
        }
    }

    /// Writes the path of the module with the rest.
    fn celery(&self) -> TokenStream {
        let runtime = self.plan.runtime(self.plan.name_span);
        quote_spanned!(self.plan.name_span=> #runtime::celery)
    }

    fn output(&self) -> TokenStream {
        self.plan.function.output().map_or_else(|| quote!(()), ToTokens::to_token_stream)
    }

    fn is_fallible(&self) -> bool {
        !matches!(self.plan.error_type, ErrorType::Never)
    }

    fn constants(&self) -> TokenStream {
        let (plan, celery) = (self.plan, self.celery());
        let (span, vis) = (plan.name_span, &plan.function.vis);
        let text = plan.function.sig.ident.unraw().to_string();
        let name = if let Some(name) = &self.options.name {
            name.to_token_stream()
        } else {
            quote_spanned!(span=> ::core::concat!(::core::module_path!(), "::", #text))
        };
        let fields = self.options.task.iter().map(TaskOption::field);
        quote_spanned! {span=>
            /// The name of the task on the wire.
            #vis const NAME: &'static str = #name;
            /// The options of the task.
            #[allow(clippy::needless_update, reason = "a function may have all options")]
            #vis const OPTIONS: #celery::TaskOptions =
                #celery::TaskOptions { #(#fields,)* ..#celery::TaskOptions::DEFAULT };
        }
    }

    /// Writes the method that sends the call.
    fn call(&self) -> TokenStream {
        let (plan, celery) = (self.plan, self.celery());
        let (span, vis) = (plan.name_span, &plan.function.vis);
        let runtime = plan.runtime(span);
        let params = &plan.function.params;
        let inputs = params.iter().zip(&plan.names).map(|(param, name)| {
            let ty = plan.input_type(param);
            quote_spanned!(name.span()=> #name: #ty)
        });
        let arguments: Vec<CallArgument> = params
            .iter()
            .zip(&plan.names)
            .enumerate()
            .map(|(index, (param, name))| plan.param(param, name, index))
            .collect();
        let given = arguments.iter().map(|argument| &argument.given);
        let locals: Vec<_> = arguments.iter().map(|argument| &argument.local).collect();
        let written = params.iter().zip(&locals).enumerate().map(|(index, (param, local))| {
            let (codec, borrowed) = (codec(index, param), borrowed(param));
            quote_spanned!(span=> Self::#codec.write(::core::borrow::Borrow::<#borrowed>::borrow(&#local)))
        });
        let (handle, error, identity, output) = (plan.handle(), plan.error_type(), plan.identity(), self.output());
        let prefix = if self.is_fallible() { "try_start" } else { "start" };
        let method = format_ident!("{prefix}{}", params.len(), span = span);
        let read = if self.is_fallible() {
            quote_spanned! {span=>
                |answer| answer.result_with(&Self::VALUE, &Self::ERROR).or_else(|error| {
                    #[allow(unused_imports, reason = "one of the two has the method")]
                    use #celery::__private::{ViaFrom as _, ViaLoss as _};
                    (&#celery::__private::Remote::<#error>::new()).convert(error).map(::core::result::Result::Err)
                })
            }
        } else {
            quote_spanned!(span=> |answer| answer.value_with(&Self::VALUE))
        };
        quote_spanned! {span=>
            /// Makes the call with these options.
            #[track_caller]
            #vis fn call(self, #(#inputs),*) -> #handle {
                let options = self.options;
                #runtime::__private::HandOver::<#error, ()>::new(#identity).#method(
                    #(#given,)*
                    move |#(#locals,)* promise| {
                        let args = move || #celery::__private::list([#(#written),*]);
                        #celery::__private::send::<#output>(Self::NAME, options, args, promise, #read);
                    },
                )
            }
        }
    }

    /// Writes the function itself, or with `sync = name` a call of the original.
    fn sync(&self) -> TokenStream {
        let function = self.plan.function;
        let AnnotatedFunction { vis, sig, body, .. } = function;
        let span = self.plan.name_span;
        let sync = Ident::new("sync", span);
        let mut sig = Signature { ident: sync, ..sig.clone() };
        let lints = quote! {
            #[allow(
                clippy::missing_const_for_fn,
                clippy::missing_errors_doc,
                clippy::missing_panics_doc,
                clippy::must_use_candidate,
                clippy::needless_pass_by_value,
                clippy::too_many_arguments,
                clippy::trivially_copy_pass_by_ref,
                clippy::unnecessary_wraps,
                reason = "the function that users see is the call, and its arguments come from a message"
            )]
        };
        if self.plan.body_place != BodyPlace::Kept {
            let attrs = of_the_body(function, BodyPlace::Inside);
            return quote! {
                /// Runs the function here and now.
                #(#attrs)* #lints #vis #sig #body
            };
        }
        let (body, names) = (&self.plan.body_name, &self.plan.names);
        for (input, name) in sig.inputs.iter_mut().zip(names) {
            if let syn::FnArg::Typed(param) = input {
                *param.pat = syn::parse_quote!(#name);
            }
        }
        quote_spanned!(span=> /** Runs the function here and now. */ #lints #vis #sig { #body(#(#names),*) })
    }

    /// Writes the original under the name that `sync` gives.
    fn kept(&self) -> Option<TokenStream> {
        let function = self.plan.function;
        if self.plan.body_place != BodyPlace::Kept || self.options.is_extern.is_some() {
            return None;
        }
        let AnnotatedFunction { vis, sig, body, .. } = function;
        let attrs = of_the_body(function, BodyPlace::Kept);
        let sig = Signature { ident: self.plan.body_name.clone(), ..sig.clone() };
        Some(quote!(#(#attrs)* #vis #sig #body))
    }

    /// Writes the task for a worker.
    fn task(&self) -> TokenStream {
        let (plan, celery) = (self.plan, self.celery());
        let (span, name, output) = (plan.name_span, &plan.function.sig.ident, self.output());
        let arguments = plan.function.params.iter().enumerate().map(|(index, param)| {
            let (local, codec, text) = (local(index, param), codec(index, param), written_name(param));
            quote_spanned!(span=> let #local = #celery::__private::take_with(&mut arguments, &#name::#codec, #text)?;)
        });
        let passed = plan.function.params.iter().enumerate().map(|(index, param)| {
            let local = local(index, param);
            match &param.passing {
                Passing::ByReference(ty) => quote_spanned!(span=> ::core::borrow::Borrow::<#ty>::borrow(&#local)),
                Passing::ByValue | Passing::Plain => local.to_token_stream(),
            }
        });
        let fallible = |retry_on: &TokenStream| {
            quote_spanned! {span=>
                #celery::__private::result_with(&#name::VALUE, &#name::ERROR, #name::TEXT, &result, #retry_on)
            }
        };
        let end = match &self.options.retry_on {
            _ if !self.is_fallible() => quote_spanned!(span=> #celery::__private::value_with(&#name::VALUE, &result)),
            None => fallible(&quote_spanned!(span=> |_| true)),
            Some(retry_on) => fallible(&retry_on.to_token_stream()),
        };
        quote_spanned! {span=>
            impl #celery::Task for #name {
                const NAME: &'static str = #name::NAME;
                const OPTIONS: #celery::TaskOptions = #name::OPTIONS;

                fn run(mut arguments: #celery::Arguments<'_>)
                    -> ::core::result::Result<::std::string::String, #celery::Failure>
                {
                    #(#arguments)*
                    arguments.end()?;
                    let result: #output = #name::sync(#(#passed),*);
                    #end
                }
            }

            #celery::__private::inventory::submit! { #celery::__private::Entry::of::<#name>() }
        }
    }

    /// Writes how each argument and the result travel. If a value cannot travel, rustc says so at the type, and nowhere
    /// else.
    fn codecs(&self) -> TokenStream {
        let celery = self.celery();
        let (plan, function) = (self.plan, self.plan.function);
        let mut codecs = TokenStream::new();
        for (index, param) in function.params.iter().enumerate() {
            let (name, borrowed, span) = (codec(index, param), borrowed(param), hygienic(param.ends.whole));
            let (owned, make) = match &param.passing {
                Passing::ByReference(ty) if is_bytes(ty) => (quote_spanned!(span=> ::std::vec::Vec<u8>), quote!(bytes)),
                Passing::ByReference(ty) => {
                    (quote_spanned!(span=> <#ty as ::std::borrow::ToOwned>::Owned), quote!(by_reference::<#ty>))
                }
                Passing::ByValue | Passing::Plain => (borrowed.clone(), quote!(by_value::<#borrowed>)),
            };
            codecs.extend(quote_spanned! {span=>
                const #name: #celery::__private::Codec<#borrowed, #owned> = #celery::__private::#make();
            });
        }
        let span = plan.output_span;
        let runtime = plan.runtime(span);
        let output = self.output();
        let value = match (&plan.error_type, function.output()) {
            (ErrorType::Never, _) => output,
            (ErrorType::Named(_), Some(result)) => first_argument(result).map_or(output, ToTokens::to_token_stream),
            _ => quote_spanned!(span=> <#output as #runtime::Fallible>::Value),
        };
        codecs.extend(quote_spanned! {span=>
            const VALUE: #celery::__private::Codec<#value, #value> = #celery::__private::by_value::<#value>();
        });
        if self.is_fallible() {
            let error = plan.error_type();
            codecs.extend(quote_spanned! {span=>
                const ERROR: #celery::__private::Codec<#error, #error> = #celery::__private::by_value::<#error>();
                const TEXT: fn(&#error) -> ::std::string::String = #celery::__private::text::<#error>();
            });
        }
        codecs
    }
}

fn local(index: usize, param: &Param) -> Ident {
    format_ident!("input{index}", span = hygienic(param.ends.whole))
}

/// Returns the name of the argument on the wire.
fn written_name(param: &Param) -> String {
    match &*param.syntax.pat {
        syn::Pat::Ident(pat) => pat.ident.unraw().to_string(),
        _ => unreachable!("another pattern is refused"),
    }
}

/// Returns the name of the constant that says how the argument travels.
fn codec(index: usize, param: &Param) -> Ident {
    format_ident!("INPUT{index}", span = hygienic(param.ends.whole))
}

/// Writes the type as which the argument is written into a message.
fn borrowed(param: &Param) -> TokenStream {
    match &param.passing {
        Passing::ByReference(ty) => ty.to_token_stream(),
        Passing::ByValue | Passing::Plain => param.syntax.ty.to_token_stream(),
    }
}

fn is_bytes(ty: &Type) -> bool {
    matches!(ty, Type::Slice(slice) if slice.elem.to_token_stream().to_string() == "u8")
}

/// Returns the `T` of a `Result<T, E>`.
fn first_argument(output: &Type) -> Option<&Type> {
    let Type::Path(path) = output else { return None };
    let PathArguments::AngleBracketed(arguments) = &path.path.segments.last()?.arguments else { return None };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    })
}
