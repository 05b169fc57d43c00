//! The simulator on the command line: many seeds, one seed told, or every planted bug.
#![expect(clippy::print_stdout, reason = "a program that reports")]

use std::process::ExitCode;
use std::time::Instant;

use tests::simulator::bug::Bug;
use tests::simulator::invariant::Broken;
use tests::simulator::many::{Sum, play_all};
use tests::simulator::plan::{Mix, Plan};
use tests::simulator::setting::Setting;
use tests::simulator::{shortest, tell};

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
}

fn main() -> ExitCode {
    let Some(asked) = read(std::env::args().skip(1)) else {
        println!(
            "sim [--seeds N] [--from N] [--seed S] [--long] [--bugs] [--bug NAME] [--threads N] [--plain] [--unhealed | --by-hand]"
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
            "--long" => asked.seeds = Some(SEEDS_LONG),
            "--bugs" => asked.bugs = true,
            "--plain" => asked.plain = true,
            "--unhealed" => asked.mix = Mix::Unhealed,
            "--by-hand" => asked.mix = Mix::ByHand,
            _ => return None,
        }
    }
    Some(asked)
}

fn threads(asked: &Asked) -> usize {
    let all = || std::thread::available_parallelism().map_or(1, usize::from);
    asked.threads.unwrap_or_else(all)
}

/// Many seeds, and what they came to.
fn many(setting: &Setting, asked: &Asked) -> bool {
    let end = asked.from + asked.seeds.unwrap_or(SEEDS);
    let (mut at, mut broken) = (asked.from, 0);
    let started = Instant::now();
    let mut all = Sum::default();
    while at < end {
        let next = (at + 2_000).min(end);
        let sum = play_all(setting, at..next, asked.bug, (threads(asked), false));
        at = next;
        for (seed, why) in &sum.broken {
            broken += 1;
            println!("seed {seed}: {why}");
        }
        all.runs += sum.runs;
        all.steps += sum.steps;
        all.checks += sum.checks;
        all.requests += sum.requests;
        for (fault, count) in sum.faults {
            *all.faults.entry(fault).or_default() += count;
        }
        let first = sum.broken.into_iter().next();
        if let Some((seed, why)) = first {
            all.broken.entry(seed).or_insert(why);
        }
        if end - asked.from > 2_000 {
            println!("{} seeds, {broken} broken", all.runs);
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "{} seeds, {} steps, {} requests, {} checks of invariants in {seconds:.1} s: {:.1} seeds/s",
        all.runs,
        all.steps,
        all.requests,
        all.checks,
        f64::from(u32::try_from(all.runs).unwrap_or(u32::MAX)) / seconds
    );
    for fault in asked.mix.faults().into_iter().flatten() {
        let count = all.faults.get(fault).copied().unwrap_or(0);
        println!("  {:<14} {count:>8}", format!("{fault:?}"));
    }
    println!("{broken} broken");
    if let Some((seed, why)) = all.broken.first_key_value() {
        short(setting, *seed, asked.bug, why);
    }
    broken == 0
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
