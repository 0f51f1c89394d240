//! The functions that client and worker share: small versions of pictures, and a word about each from Python.

use std::fmt;
use std::fs;
use std::io::Write;
use std::time::Duration;

use asynctools::celery;
use asynctools::celery::RemoteError;
use serde::Deserialize;
use serde::Serialize;

/// Why there is no small version of a picture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ImageError {
    /// The file cannot be read or written.
    File(String),
    /// The file is no picture of the kind `P6`.
    NoPicture(String),
    /// The call failed on its way.
    Fleet(RemoteError),
}

impl fmt::Display for ImageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(why) => f.write_str(why),
            Self::NoPicture(path) => write!(f, "{path} is no picture"),
            Self::Fleet(error) => write!(f, "on the fleet: {error}"),
        }
    }
}

impl From<RemoteError> for ImageError {
    fn from(error: RemoteError) -> Self {
        Self::Fleet(error)
    }
}

impl ImageError {
    /// Returns whether a second attempt may go better.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::File(_))
    }
}

/// Writes a version of a picture that is at most `width` pixels wide, and returns its path.
///
/// # Errors
///
/// The file cannot be read or written, or is no picture.
#[celery(queue = "images", name = "images.thumb", max_retries = 2, retry_on = ImageError::is_temporary)]
pub fn thumb(path: &str, width: usize) -> Result<String, ImageError> {
    let file = |error: std::io::Error| ImageError::File(format!("{path}: {error}"));
    let picture = Picture::read(&fs::read(path).map_err(file)?);
    let picture = picture.ok_or_else(|| ImageError::NoPicture(path.to_owned()))?;
    let to = format!("{}.thumb.ppm", path.trim_end_matches(".ppm"));
    fs::write(&to, picture.shrunk(width).bytes()).map_err(file)?;
    Ok(to)
}

/// Says how large a picture is. The function is written in Python: `tasks.py`.
#[celery(extern, queue = "words", name = "words.describe", result_timeout = Duration::from_secs(60))]
pub fn describe(path: String) -> Result<String, ImageError>;

/// Pixels of three bytes each, row by row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    width: usize,
    height: usize,
    pixels: Vec<[u8; 3]>,
}

impl Picture {
    /// Returns a picture of which each pixel is what `pixel` says of its column and row.
    #[must_use]
    pub fn of(width: usize, height: usize, pixel: impl Fn(usize, usize) -> [u8; 3]) -> Self {
        let pixels = (0..width * height).map(|index| pixel(index % width, index / width)).collect();
        Self { width, height, pixels }
    }

    /// Reads a file of the kind `P6`, with a header without comments.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let mut parts = bytes.splitn(5, u8::is_ascii_whitespace);
        let mut next = || std::str::from_utf8(parts.next()?).ok();
        let (kind, width, height, most) = (next()?, next()?.parse().ok()?, next()?.parse().ok()?, next()?);
        let pixels: Vec<_> = parts.next()?.chunks_exact(3).map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect();
        let whole = width > 0 && pixels.len() == usize::checked_mul(width, height)?;
        (kind == "P6" && most == "255" && whole).then_some(Self { width, height, pixels })
    }

    /// Returns the bytes of a file of the kind `P6`.
    ///
    /// # Panics
    ///
    /// Never: a `Vec` takes all bytes.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        writeln!(bytes, "P6 {} {} 255", self.width, self.height).expect("a `Vec` takes all bytes");
        bytes.extend(self.pixels.iter().flatten());
        bytes
    }

    /// Returns a version that is at most so wide, of every n-th pixel.
    #[must_use]
    pub fn shrunk(&self, width: usize) -> Self {
        let step = self.width.div_ceil(width.max(1)).max(1);
        Self::of(self.width.div_ceil(step), self.height.div_ceil(step), |column, row| {
            self.pixels[row * step * self.width + column * step]
        })
    }
}
