//! The simulator on the command line: many seeds, one seed told, or every planted bug.
#![expect(clippy::print_stdout, reason = "a program that reports")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use tests::simulator::bug::Bug;
use tests::simulator::invariant::Broken;
use tests::simulator::ledger::{self, Ledger};
use tests::simulator::many::play_all;
use tests::simulator::plan::{Mix, Plan};
use tests::simulator::setting::Setting;
use tests::simulator::{play, shortest, tell};

/// Seeds of a short run, of a long one, and for each planted bug.
const SEEDS: u64 = 2_000;
const SEEDS_LONG: u64 = 100_000;
const SEEDS_A_BUG: u64 = 500;

/// What is asked for.
#[derive(Debug, Default)]
struct Asked {
    seeds: Option<u64>,
    from: u64,
    seed: Option<u64>,
    bugs: bool,
    plain: bool,
    mix: Mix,
    bug: Option<Bug>,
    threads: Option<usize>,
    keep: Option<PathBuf>,
}

fn main() -> ExitCode {
    let Some(asked) = read(std::env::args().skip(1)) else {
        println!(
            "sim [--seeds N] [--from N] [--seed S] [--long] [--bugs] [--bug NAME] [--threads N] [--plain] [--keep FILE] [--unhealed | --by-hand | --locks | --restored]"
        );
        return ExitCode::from(2);
    };
    // A panic of the code under test is caught and told as what it is.
    std::panic::set_hook(Box::new(|_| {}));
    let mut setting = Setting::make();
    setting.mix = asked.mix;
    let good = match asked.seed {
        Some(seed) => one(&setting, seed, &asked),
        None if asked.bugs => bugs(&setting, &asked),
        None => many(&setting, &asked),
    };
    if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn read(mut args: impl Iterator<Item = String>) -> Option<Asked> {
    let mut asked = Asked::default();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--seeds" => asked.seeds = Some(args.next()?.parse().ok()?),
            "--from" => asked.from = args.next()?.parse().ok()?,
            "--seed" => asked.seed = Some(args.next()?.parse().ok()?),
            "--threads" => asked.threads = Some(args.next()?.parse().ok()?),
            "--bug" => asked.bug = Some(Bug::named(&args.next()?)?),
            "--keep" => asked.keep = Some(args.next()?.into()),
            "--long" => asked.seeds = Some(SEEDS_LONG),
            "--bugs" => asked.bugs = true,
            "--plain" => asked.plain = true,
            "--unhealed" => asked.mix = Mix::Unhealed,
            "--by-hand" => asked.mix = Mix::ByHand,
            "--locks" => asked.mix = Mix::Locks,
            "--restored" => asked.mix = Mix::Restored,
            _ => return None,
        }
    }
    Some(asked)
}

fn threads(asked: &Asked) -> usize {
    let all = || std::thread::available_parallelism().map_or(1, usize::from);
    asked.threads.unwrap_or_else(all)
}

/// Many seeds, and what they came to; with a file to keep it in, on from where the last go stopped.
fn many(setting: &Setting, asked: &Asked) -> bool {
    let seeds = asked.from..asked.from + asked.seeds.unwrap_or(SEEDS);
    let build = match ledger::build() {
        Ok(build) => format!("{build} {:?} {:?}", asked.mix, asked.bug),
        Err(error) => {
            println!("cannot read this program: {error}");
            return false;
        }
    };
    let mut all = match &asked.keep {
        Some(path) => Ledger::open(path, &build, &seeds),
        None => Ledger::new(build, seeds),
    };
    if all.played() > 0 {
        println!("{} seeds were played before", all.played());
    }
    while let Some(piece) = all.piece() {
        let started = Instant::now();
        let sum = play_all(setting, piece.clone(), asked.bug, (threads(asked), false));
        for (seed, why) in &sum.broken {
            println!("seed {seed}: {why}");
        }
        let millis = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        all.add(&piece, sum, millis);
        if let Some(path) = &asked.keep
            && let Err(error) = all.keep(path)
        {
            println!("cannot keep what was played in {}: {error}", path.display());
            return false;
        }
        if all.seeds.end - all.seeds.start > 2_000 {
            println!("{} seeds, {} broken", all.played(), all.broken.len());
        }
    }
    report(setting, asked, &all)
}

/// Prints what all seeds came to.
fn report(setting: &Setting, asked: &Asked, all: &Ledger) -> bool {
    let tenths = (all.played() * 10_000).checked_div(all.millis).unwrap_or(0);
    println!(
        "{} seeds in {} goes, {} steps, {} requests, {} checks of invariants in {} s: {}.{} seeds/s",
        all.played(),
        all.goes.max(1),
        all.steps,
        all.requests,
        all.checks,
        all.millis / 1_000,
        tenths / 10,
        tenths % 10
    );
    for fault in asked.mix.faults().into_iter().flatten() {
        let name = format!("{fault:?}");
        let count = all.faults.get(&name).copied().unwrap_or(0);
        println!("  {name:<14} {count:>8}");
    }
    println!("{} broken", all.broken.len());
    if let Some(seed) = all.broken.first_key_value().map(|(seed, _)| *seed) {
        let outcome = play(setting, &Plan::new(seed, setting.mix), asked.bug);
        if let Some(why) = &outcome.broken {
            short(setting, seed, asked.bug, why);
        }
    }
    all.broken.is_empty()
}

/// One seed, told from its beginning to its end.
fn one(setting: &Setting, seed: u64, asked: &Asked) -> bool {
    let outcome = tell(setting, &Plan::new(seed, setting.mix), asked.bug);
    match &outcome.broken {
        Some(why) if !asked.plain => short(setting, seed, asked.bug, why),
        why => {
            outcome.trace.iter().for_each(|line| println!("{line}"));
            why.iter().for_each(|why| println!("broken: {why}"));
        }
    }
    println!("{} steps, {} checks", outcome.steps, outcome.checks);
    outcome.broken.is_none()
}

/// Prints the shortest story that was found in which the same breaks.
fn short(setting: &Setting, seed: u64, bug: Option<Bug>, why: &Broken) {
    let plan = shortest(setting, &Plan::new(seed, setting.mix), bug, why.invariant);
    let outcome = tell(setting, &plan, bug);
    println!("\nseed {seed}, shortened to {} moves:", plan.moves.len());
    outcome.trace.iter().for_each(|line| println!("{line}"));
    if let Some(why) = outcome.broken {
        println!("broken: {why}");
    }
    let bug = bug.map_or_else(String::new, |bug| format!(" --bug {bug:?}"));
    println!("again: cargo xtask sim --seed {seed}{bug}");
}

/// Every planted bug, each up to the first seed that finds it.
fn bugs(setting: &Setting, asked: &Asked) -> bool {
    let mut good = true;
    let wanted = |bug: &&Bug| asked.bug.is_none_or(|only| **bug == only);
    for bug in Bug::ALL.iter().filter(wanted) {
        let seeds = 0..asked.seeds.unwrap_or(SEEDS_A_BUG);
        let sum = play_all(setting, seeds, Some(*bug), (threads(asked), true));
        match sum.broken.first_key_value() {
            Some((seed, why)) => println!("{bug:?}: seed {seed} of {}, {why}", sum.runs),
            None => {
                good = false;
                println!("{bug:?}: NOT FOUND in {} seeds", sum.runs);
            }
        }
    }
    good
}
