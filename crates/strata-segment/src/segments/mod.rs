//! Address space: segments, which of them have what is wanted, and who asks the operating system for more.
//!
//! | file         | what it does                                                                       |
//! |--------------|------------------------------------------------------------------------------------|
//! | `segment`    | up to 64 arenas side by side, and the words that hand out their pools              |
//! | `index`      | all segments by number; `hints`: which of them may have what is wanted             |
//! | `asking`     | one thread at a time asks for more                                                 |
//! | `numa`       | which segments a thread asks first                                                 |
//! | `vacancy`    | addresses that go back although their segment stays                                |
//! | `hugetlb`    | segments of explicit huge pages                                                    |
//!
//! Does not know: what the memory is for, when it goes back.

pub(crate) mod asking;
pub(crate) mod hints;
pub(crate) mod hugetlb;
pub(crate) mod index;
pub(crate) mod numa;
pub(crate) mod segment;
pub(crate) mod vacancy;
