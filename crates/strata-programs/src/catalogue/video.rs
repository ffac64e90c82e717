//! ffmpeg: threads that hand each other pictures of half a megabyte, aligned for vector instructions.

use super::{Program, Rounds, nothing};

const SOURCE: &str = "testsrc=size=640x480:rate=25:duration=4";

pub(super) const VIDEO: Program = Program {
    name: "ffmpeg",
    work: "makes 100 pictures and encodes them with x264, four threads",
    packages: &[&["ffmpeg"]],
    rounds: Rounds::All,
    prepare: nothing,
    run: |run| {
        let input = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", SOURCE];
        let output = ["-c:v", "libx264", "-preset", "veryfast", "-threads", "4", "-f", "md5", "-"];
        run.once(input.into_iter().chain(output))
    },
};
