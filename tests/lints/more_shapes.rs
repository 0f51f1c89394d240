// The second half of `shapes.rs`, which has the imports: `main.rs` puts the two into one file.

/// Has items of its own.
#[pooled]
pub fn items(n: u8) -> u8 {
    let first = n;
    const ONE: u8 = 1;
    fn add(n: u8) -> u8 {
        n.wrapping_add(ONE)
    }
    add(first)
}

/// Has inner attributes.
#[pooled]
pub fn inner(n: u8) -> u8 {
    #![allow(clippy::needless_return)]

    return n;
}

/// Is long.
#[pooled]
pub fn long(n: u64) -> u64 {
    let mut sum = n;
    sum = sum.wrapping_add(0);
    sum = sum.wrapping_add(1);
    sum = sum.wrapping_add(2);
    sum = sum.wrapping_add(3);
    sum = sum.wrapping_add(4);
    sum = sum.wrapping_add(5);
    sum = sum.wrapping_add(6);
    sum = sum.wrapping_add(7);
    sum = sum.wrapping_add(8);
    sum = sum.wrapping_add(9);
    sum = sum.wrapping_add(10);
    sum = sum.wrapping_add(11);
    sum = sum.wrapping_add(12);
    sum = sum.wrapping_add(13);
    sum = sum.wrapping_add(14);
    sum = sum.wrapping_add(15);
    sum = sum.wrapping_add(16);
    sum = sum.wrapping_add(17);
    sum = sum.wrapping_add(18);
    sum = sum.wrapping_add(19);
    sum = sum.wrapping_add(20);
    sum = sum.wrapping_add(21);
    sum = sum.wrapping_add(22);
    sum = sum.wrapping_add(23);
    sum = sum.wrapping_add(24);
    sum = sum.wrapping_add(25);
    sum = sum.wrapping_add(26);
    sum = sum.wrapping_add(27);
    sum = sum.wrapping_add(28);
    sum = sum.wrapping_add(29);
    sum = sum.wrapping_add(30);
    sum = sum.wrapping_add(31);
    sum = sum.wrapping_add(32);
    sum = sum.wrapping_add(33);
    sum = sum.wrapping_add(34);
    sum = sum.wrapping_add(35);
    sum = sum.wrapping_add(36);
    sum = sum.wrapping_add(37);
    sum = sum.wrapping_add(38);
    sum = sum.wrapping_add(39);
    sum = sum.wrapping_add(40);
    sum = sum.wrapping_add(41);
    sum = sum.wrapping_add(42);
    sum = sum.wrapping_add(43);
    sum = sum.wrapping_add(44);
    sum = sum.wrapping_add(45);
    sum = sum.wrapping_add(46);
    sum = sum.wrapping_add(47);
    sum = sum.wrapping_add(48);
    sum = sum.wrapping_add(49);
    sum = sum.wrapping_add(50);
    sum = sum.wrapping_add(51);
    sum = sum.wrapping_add(52);
    sum = sum.wrapping_add(53);
    sum = sum.wrapping_add(54);
    sum = sum.wrapping_add(55);
    sum = sum.wrapping_add(56);
    sum = sum.wrapping_add(57);
    sum = sum.wrapping_add(58);
    sum = sum.wrapping_add(59);
    sum = sum.wrapping_add(60);
    sum = sum.wrapping_add(61);
    sum = sum.wrapping_add(62);
    sum = sum.wrapping_add(63);
    sum = sum.wrapping_add(64);
    sum = sum.wrapping_add(65);
    sum = sum.wrapping_add(66);
    sum = sum.wrapping_add(67);
    sum = sum.wrapping_add(68);
    sum = sum.wrapping_add(69);
    sum = sum.wrapping_add(70);
    sum = sum.wrapping_add(71);
    sum = sum.wrapping_add(72);
    sum = sum.wrapping_add(73);
    sum = sum.wrapping_add(74);
    sum = sum.wrapping_add(75);
    sum = sum.wrapping_add(76);
    sum = sum.wrapping_add(77);
    sum = sum.wrapping_add(78);
    sum = sum.wrapping_add(79);
    sum = sum.wrapping_add(80);
    sum = sum.wrapping_add(81);
    sum = sum.wrapping_add(82);
    sum = sum.wrapping_add(83);
    sum = sum.wrapping_add(84);
    sum = sum.wrapping_add(85);
    sum = sum.wrapping_add(86);
    sum = sum.wrapping_add(87);
    sum = sum.wrapping_add(88);
    sum = sum.wrapping_add(89);
    sum = sum.wrapping_add(90);
    sum = sum.wrapping_add(91);
    sum = sum.wrapping_add(92);
    sum = sum.wrapping_add(93);
    sum = sum.wrapping_add(94);
    sum = sum.wrapping_add(95);
    sum = sum.wrapping_add(96);
    sum = sum.wrapping_add(97);
    sum = sum.wrapping_add(98);
    sum = sum.wrapping_add(99);
    sum
}

/// Is complicated.
#[pooled]
pub fn complicated(list: Vec<u64>) -> u64 {
    let mut sum = 0;
    for n in list {
        for m in 0..n {
            if m > 1 {
                for o in 0..m {
                    if o > 2 || m > 3 && n > 4 {
                        while sum < 5 {
                            if sum > n {
                                sum += 1;
                            } else if sum > m {
                                sum += 2;
                            } else {
                                match o {
                                    0 => sum += 1,
                                    1 if n > 3 => sum += 2,
                                    _ => sum += 3,
                                }
                            }
                        }
                    }
                }
            }
        }
    }
    sum
}

/// A client.
#[derive(Clone, Debug)]
pub struct Client {
    /// Its depth.
    pub depth: usize,
    /// Its pool.
    pub pool: Arc<Pool>,
}

impl Client {
    /// Makes one.
    #[pooled]
    pub fn new(depth: usize) -> Self {
        Self { depth, pool: Arc::new(Pool::new(1)) }
    }

    /// Makes one with a second name.
    #[pooled(sync = kept_now)]
    pub fn kept(depth: usize) -> Self {
        Self { depth, pool: Arc::new(Pool::new(1)) }
    }

    /// Returns a result.
    #[pooled]
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { depth: path.as_os_str().len(), pool: Arc::new(Pool::new(1)) })
    }

    /// Takes a reference to itself.
    #[pooled(pool = self.pool)]
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// Takes itself.
    #[pooled]
    pub fn consumed(self) -> usize {
        self.depth
    }

    /// Takes itself as `mut`.
    #[pooled]
    pub fn consumed_mut(mut self, by: usize) -> usize {
        self.depth += by;
        self.depth
    }

    /// Is in an `Arc`.
    #[pooled]
    pub fn in_an_arc(self: Arc<Self>, text: &str) -> usize {
        self.depth + text.len()
    }

    /// Is in a static.
    #[pooled]
    pub fn in_a_static(&'static self) -> usize {
        self.depth
    }

    /// Is in a box.
    #[pooled]
    pub fn in_a_box(self: Box<Self>) -> usize {
        self.depth
    }

    /// Does not use itself.
    #[pooled]
    pub fn unused(&self, text: String) -> usize {
        text.len()
    }

    /// Is not used.
    #[pooled]
    fn dead(&self) -> usize {
        self.depth
    }

    /// Has a name like a conversion.
    #[pooled]
    pub fn to_number(self) -> usize {
        self.depth
    }

    /// Has a name like a getter.
    #[pooled]
    pub fn get_depth(&self) -> usize {
        self.depth
    }

    /// Returns itself.
    #[pooled]
    pub fn with_depth(self, depth: usize) -> Self {
        Self { depth, ..self }
    }

    /// Fails.
    #[pooled(sync = fails_now)]
    pub fn fails(&self, list: &[u8]) -> Result<usize, String> {
        if list.is_empty() { Err("nothing".to_owned()) } else { Ok(list.len() + self.depth) }
    }
}

/// A generic type.
#[derive(Clone, Debug)]
pub struct Holder<T>(pub T);

impl<T: Clone + Send + 'static> Holder<T> {
    /// Makes one.
    #[pooled]
    pub fn make(value: T) -> Self {
        Self(value)
    }

    /// Takes it out.
    #[pooled]
    pub fn out(self) -> T {
        self.0
    }

    /// Says `Self` only there.
    #[pooled]
    pub fn size(values: &[T]) -> usize
    where
        Self: Sized,
    {
        values.len()
    }
}

/// Small things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Small(u8);

impl Small {
    /// Takes a reference to something small.
    #[pooled]
    pub fn small(&self, other: &Self) -> u8 {
        self.0.wrapping_add(other.0)
    }
}

/// Is private and used.
#[pooled]
fn private(text: String) -> usize {
    text.len()
}

/// Is private and dead.
#[pooled]
fn dead(text: String) -> usize {
    text.len()
}

/// Uses what is private.
pub fn uses(text: String) -> impl Sized {
    private(text)
}
