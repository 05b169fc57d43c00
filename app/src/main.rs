//! The program: everything is in the library, where it can be tested, and where it is compiled once.
//! (What a program's own crate runs of a library's closures and futures is compiled a second time.)

fn main() {
    app::run();
}
