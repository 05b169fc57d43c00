//! The command line, parsed by hand: one command and a few switches.

use crate::dist::Profile;
use crate::failure::Failure;

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Print how to use this.
    Help,
    /// Build all and start the demo station.
    Run,
    /// Build the app.
    Build,
    /// Check and test everything.
    Test,
    /// As `Test`.
    Ci,
    /// Take pictures of the screens.
    Shots,
    /// Print the sizes of what is shipped.
    Size,
    /// Print the promised figures.
    Bench,
    /// Print the promised figures of the sync.
    BenchSync,
    /// Flood the server and print what became of it.
    BenchStorm,
    /// Run the simulator.
    Sim,
    /// Run the fuzzers.
    Fuzz,
    /// Check the rules of the house.
    Tidy,
}

/// The parsed command line.
#[derive(Debug, PartialEq, Eq)]
pub struct Flags {
    /// What to do.
    pub command: Command,
    /// Where `run` listens.
    pub port: u16,
    /// `run` forgets the demo data first.
    pub reset: bool,
    /// Build quickly instead of small.
    pub dev: bool,
    /// Where the workload of `bench sync` lies; it is invented otherwise.
    pub data: Option<String>,
    /// The one scenario or storm of `bench`, or the one target of `fuzz`, that is wanted.
    pub only: Option<String>,
    /// How long each storm of `bench storm` lasts.
    pub seconds: Option<String>,
    /// How long `fuzz` runs each target, in minutes.
    pub minutes: u32,
    /// What `sim` hands on to the simulator.
    pub sim: Vec<String>,
}

const PORT: u16 = 8080;
const MINUTES: u32 = 10;

impl Flags {
    /// Reads the arguments that follow the program's name.
    pub fn parse(args: impl Iterator<Item = String>) -> Result<Self, Failure> {
        let mut args = args.peekable();
        let mut word = args.next().unwrap_or_else(|| "help".to_owned());
        if word == "bench"
            && let Some(what) = args.next_if(|next| next == "sync" || next == "storm")
        {
            word = format!("bench {what}");
        }
        let command = command(&word)?;
        let mut flags = Self {
            command,
            port: PORT,
            reset: false,
            dev: false,
            data: None,
            only: None,
            seconds: None,
            minutes: MINUTES,
            sim: Vec::new(),
        };
        while let Some(arg) = args.next() {
            let (name, inline) = match arg.split_once('=') {
                Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                None => (arg, None),
            };
            match (name.as_str(), command) {
                ("--dev", Command::Run | Command::Build | Command::Shots) => flags.dev = true,
                ("--reset", Command::Run) => flags.reset = true,
                ("--port", Command::Run) => flags.port = port(inline.or_else(|| args.next()))?,
                ("--data", Command::BenchSync) => {
                    flags.data = Some(given(&name, inline.or_else(|| args.next()))?);
                }
                ("--seconds", Command::BenchStorm) => {
                    flags.seconds = Some(given(&name, inline.or_else(|| args.next()))?);
                }
                ("--only", Command::BenchSync | Command::BenchStorm)
                | ("--target", Command::Fuzz) => {
                    flags.only = Some(given(&name, inline.or_else(|| args.next()))?);
                }
                ("--minutes", Command::Fuzz) => {
                    flags.minutes = minutes(inline.or_else(|| args.next()))?;
                }
                (
                    "--long" | "--bugs" | "--plain" | "--unhealed" | "--by-hand" | "--locks"
                    | "--restored",
                    Command::Sim,
                ) => flags.sim.push(name),
                ("--seeds" | "--seed" | "--from" | "--bug" | "--threads", Command::Sim) => {
                    let value = given(&name, inline.or_else(|| args.next()))?;
                    flags.sim.extend([name, value]);
                }
                _ => return Err(Failure::Usage(format!("`{word}` knows no {name}"))),
            }
        }
        Ok(flags)
    }

    /// The profile that the app is built with.
    pub fn profile(&self) -> Profile {
        if self.dev { Profile::Dev } else { Profile::App }
    }
}

fn command(word: &str) -> Result<Command, Failure> {
    Ok(match word {
        "help" | "--help" | "-h" => Command::Help,
        "run" => Command::Run,
        "build" => Command::Build,
        "test" => Command::Test,
        "ci" => Command::Ci,
        "shots" => Command::Shots,
        "size" => Command::Size,
        "bench" => Command::Bench,
        "bench sync" => Command::BenchSync,
        "bench storm" => Command::BenchStorm,
        "sim" => Command::Sim,
        "fuzz" => Command::Fuzz,
        "tidy" => Command::Tidy,
        other => return Err(Failure::Usage(format!("no such command: {other}"))),
    })
}

fn given(name: &str, value: Option<String>) -> Result<String, Failure> {
    value.ok_or_else(|| Failure::Usage(format!("{name} wants a value")))
}

fn port(value: Option<String>) -> Result<u16, Failure> {
    value
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| Failure::Usage("--port wants a number from 0 to 65535".to_owned()))
}

fn minutes(value: Option<String>) -> Result<u32, Failure> {
    value
        .and_then(|text| text.parse().ok())
        .filter(|minutes| (1..=10_000).contains(minutes))
        .ok_or_else(|| Failure::Usage("--minutes wants a number from 1 to 10000".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Flags, Failure> {
        Flags::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn run_takes_port_in_both_spellings() {
        assert_eq!(parse("run --port 9000").unwrap().port, 9000);
        assert_eq!(parse("run --port=9001 --reset").unwrap().port, 9001);
        assert_eq!(parse("run").unwrap().port, PORT);
    }

    #[test]
    fn bench_alone_and_with_a_word_are_three_commands() {
        assert_eq!(parse("bench").unwrap().command, Command::Bench);
        let sync = parse("bench sync --data folder --only=idle").unwrap();
        assert_eq!(sync.command, Command::BenchSync);
        assert_eq!(sync.data.as_deref(), Some("folder"));
        assert_eq!(sync.only.as_deref(), Some("idle"));
        assert!(matches!(parse("bench --only idle"), Err(Failure::Usage(_))));
        assert!(matches!(parse("bench sync --data"), Err(Failure::Usage(_))));
        assert!(matches!(parse("sync"), Err(Failure::Usage(_))));
        let storm = parse("bench storm --seconds 3 --only=ping").unwrap();
        assert_eq!(storm.command, Command::BenchStorm);
        assert_eq!(storm.seconds.as_deref(), Some("3"));
        assert!(matches!(
            parse("bench sync --seconds 3"),
            Err(Failure::Usage(_))
        ));
    }

    #[test]
    fn sim_hands_its_flags_on() {
        let sim = parse("sim --seeds=20 --bug StaleRow --long").unwrap();
        assert_eq!(sim.command, Command::Sim);
        let handed_on = ["--seeds", "20", "--bug", "StaleRow", "--long"];
        assert_eq!(sim.sim, handed_on);
        assert!(matches!(parse("sim --seed"), Err(Failure::Usage(_))));
    }

    #[test]
    fn fuzz_takes_minutes_and_a_target() {
        let fuzz = parse("fuzz --minutes 3 --target=gate").unwrap();
        assert_eq!((fuzz.command, fuzz.minutes), (Command::Fuzz, 3));
        assert_eq!(fuzz.only.as_deref(), Some("gate"));
        assert_eq!(parse("fuzz").unwrap().minutes, MINUTES);
        assert!(matches!(parse("fuzz --minutes 0"), Err(Failure::Usage(_))));
    }

    #[test]
    fn a_flag_of_another_command_is_refused() {
        assert!(matches!(parse("test --reset"), Err(Failure::Usage(_))));
        assert!(matches!(parse("run --port many"), Err(Failure::Usage(_))));
        assert!(matches!(parse("dance"), Err(Failure::Usage(_))));
    }
}
