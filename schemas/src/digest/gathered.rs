//! Small pieces put together until they are worth a call.

/// At most `N` bytes that stand in line.
#[derive(Clone, Debug)]
pub(super) struct Gathered<const N: usize> {
    filled: usize,
    bytes: [u8; N],
}

impl<const N: usize> Default for Gathered<N> {
    #[inline]
    fn default() -> Self {
        Self {
            filled: 0,
            bytes: [0; N],
        }
    }
}

impl<const N: usize> Gathered<N> {
    /// Puts bytes behind the others; `full` takes all that is there, `N` bytes, as often as there are so many.
    #[inline]
    pub(super) fn add(&mut self, bytes: &[u8], full: impl FnMut(&[u8; N])) {
        match self.take(bytes.len()) {
            Some(place) => copy(bytes, place),
            None => self.overflow(bytes, full),
        }
    }

    /// Room for so many bytes more, zero or not, if there is.
    #[inline]
    pub(super) fn take(&mut self, count: usize) -> Option<&mut [u8]> {
        let end = self.filled + count;
        let place = self.bytes.get_mut(self.filled..end)?;
        self.filled = end;
        Some(place)
    }

    /// What nobody has taken yet.
    #[inline]
    pub(super) fn rest(&self) -> &[u8] {
        self.bytes.get(..self.filled).unwrap_or_default()
    }

    fn overflow(&mut self, mut bytes: &[u8], mut full: impl FnMut(&[u8; N])) {
        loop {
            let free = self.bytes.get_mut(self.filled..).unwrap_or_default();
            let (now, later) = bytes.split_at(bytes.len().min(free.len()));
            for (to, from) in free.iter_mut().zip(now) {
                *to = *from;
            }
            self.filled += now.len();
            if self.filled < N {
                return;
            }
            full(&self.bytes);
            self.filled = 0;
            bytes = later;
        }
    }
}

/// Both are of one length. Most are short, and a call to copy them takes longer than the copying.
#[inline(always)]
pub(super) fn copy(from: &[u8], to: &mut [u8]) {
    match from.len() {
        0 => {}
        1 => copy_ends::<1>(from, to),
        2..=3 => copy_ends::<2>(from, to),
        4..=7 => copy_ends::<4>(from, to),
        8..=15 => copy_ends::<8>(from, to),
        16..=32 => copy_ends::<16>(from, to),
        _ => to.copy_from_slice(from),
    }
}

/// The first and the last `N` bytes, which may overlap.
#[inline(always)]
fn copy_ends<const N: usize>(from: &[u8], to: &mut [u8]) {
    if let (Some(from), Some(to)) = (from.first_chunk::<N>(), to.first_chunk_mut()) {
        *to = *from;
    }
    if let (Some(from), Some(to)) = (from.last_chunk::<N>(), to.last_chunk_mut()) {
        *to = *from;
    }
}
