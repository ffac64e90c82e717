//! `sizes_once`: threads that had one block of each of two hundred sizes, freed them all, and sleep: what does a size cost?

use std::hint::black_box;

use super::stage::{Actor, Scene, play};
use crate::workloads::{Job, Kind, Settings, Threads, Workload};

pub(in crate::workloads) const WORKLOAD: Workload = Workload {
    name: "sizes_once",
    stands_for: "250 threads that had one block of each of 200 sizes, freed them all, and sleep",
    kind: Kind::Story,
    threads: Threads::Many,
    prepare,
};

const THREADS: usize = 250;
/// 16 to 3,200 bytes.
const SIZES: usize = 200;
const STEP: usize = 16;

struct Toucher;

impl Actor for Toucher {
    fn held(&self) -> usize {
        0
    }
}

impl Toucher {
    fn touch_all(&mut self) {
        let all: Vec<Vec<u8>> = (1..=SIZES).map(|number| vec![1; number * STEP]).collect();
        drop(black_box(all));
    }
}

fn prepare(settings: &Settings) -> Job {
    let threads = settings.count(THREADS).min(THREADS);
    let scenes = [Scene::Rest("before"), Scene::Act("200 sizes", Toucher::touch_all), Scene::Rest("asleep")];
    Box::new(move || play(threads, |_| Toucher, &scenes))
}
