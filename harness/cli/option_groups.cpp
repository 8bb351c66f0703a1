#include "cli/option_groups.hpp"

#include <algorithm>
#include <string>
#include <vector>

namespace gatecrash::cli {

namespace po = boost::program_options;

namespace {

constexpr CommandInfo table[] = {
    {Command::doctor, "doctor", "", "what this host can run, and the remedy for what is missing",
     "Measures what each machine's KVM really does, and prints it beside what the manuals say of silicon.\n"
     "Without --machine, or with --machine all, the machines stand side by side.\n",
     "  gatecrash doctor                    every machine\n"
     "  gatecrash doctor --machine host     only this host's KVM\n"},
    {Command::list, "list", " [PATTERN...]", "cases and variants: what each asks, its origin, what it expects",
     "A PATTERN is a shell glob on CASE or CASE/VARIANT; none means all.\n",
     "  gatecrash list\n"
     "  gatecrash list 'nested-nmi/linus-*'\n"
     "  gatecrash list --covers             rows of the catalogue, covered and open\n"
     "  gatecrash list --json -             for a script\n"},
    {Command::run, "run", " [PATTERN|FILE...]",
     "the main job: sweep each variant and compare the verdict with what it expects",
     "A PATTERN is a shell glob on CASE or CASE/VARIANT; none means all. A FILE is a guest of your own, an ELF file;\n"
     "FILE.expect says what is expected of it, a line for each sweep:\n"
     "    EVENTS depth K holds\n"
     "    EVENTS depth K breaks INVARIANT at EVENT:SYMBOL[|SYMBOL...][,EVENT:SYMBOL...]...\n"
     "With --machine all it runs on every machine there is, and ends with a table of what each variant did on each,\n"
     "and of the behaviours by which those machines differ that did not do the same.\n"
     "Ends with 0 if all is as expected, 1 if a verdict is not, 2 for wrong usage, 3 for an error of the host or the\n"
     "harness, 4 if nothing ran.\n",
     "  gatecrash run\n"
     "  gatecrash run nested-nmi --json result.json --junit result.xml\n"
     "  gatecrash run --ktap --quiet\n"
     "  gatecrash run '*/copied-frame*' --machine amd\n"
     "  gatecrash run nested-nmi --machine all\n"
     "  gatecrash run build/my-entry.elf\n"},
    {Command::explore, "explore", " TARGET", "sweep one variant, or a guest of your own, as you say",
     "TARGET is a CASE/VARIANT or the path of a guest's ELF file. Ends with 1 if a schedule breaks an invariant.\n",
     "  gatecrash explore nested-nmi/linus-2010 --events nmi,irq --depth 2\n"
     "  gatecrash explore ./my-guest.elf --events irq=0x30 --window entry_nmi..entry_nmi_end\n"
     "  gatecrash explore ./my-guest.elf --events nmi,db --depth 2 --window "
     "nmi:exit..exit_end,db:entry_nmi..nmi_end\n"},
    {Command::replay, "replay", " SCHEDULE...", "run one schedule, or several one after another",
     "A SCHEDULE is TARGET@EVENT:BOUNDARY[,EVENT:BOUNDARY...] as `run` and `explore` print it. Ends with 1 if an "
     "invariant\n"
     "broke.\n",
     "  gatecrash replay 'nested-nmi/flag-only@nmi:entry_nmi+0x1f'\n"
     "  gatecrash replay 'nested-nmi/linus-2010-irq@irq:entry_nmi+0x40,nmi:entry_irq#2' --trace\n"},
    {Command::merge, "merge", " FILE...", "make the whole of the shards of a `run` or `explore`",
     "Each FILE is what --json wrote in one `--shard I/N`; all N are needed. Reports what the same without --shard "
     "gives,\n"
     "but for the seconds, and ends with its exit code.\n",
     "  gatecrash merge 1.json 2.json 3.json --json whole.json\n"},
    {Command::bench, "bench", " [PATTERN...]", "what a way into the kernel and back costs",
     "Counts the instructions of each path, bare and with what kernels add to it, and measures its cycles where there\n"
     "are any: not on an emulated machine. A PATTERN is a shell glob on PATH or PATH+PIECE, or names a path with "
     "pieces\n"
     "of your choice, PATH+PIECE+PIECE; none means all. `bench harness` measures what the harness itself costs.\n"
     "Ends with 1 if a figure is over its baseline, 4 if nothing could be measured.\n",
     "  gatecrash bench 'syscall-*'\n"
     "  gatecrash bench syscall-iret+swapgs+stack+save+clear --json then.json\n"
     "  gatecrash bench --baseline then.json --threshold 0.02\n"
     "  gatecrash bench 'int80-iret*' --plot paths.svg\n"
     "  gatecrash bench harness\n"},
    {Command::new_project, "new", " DIR", "write a project for entry code of your own",
     "DIR is a folder that is empty or does not exist yet. It gets an assembly file with an NMI entry that has a "
     "subtle\n"
     "bug, and the same without, a build file, and a page that says how to go on from there.\n",
     "  gatecrash new my-entry-code\n"},
    // Not for people, so not in commands(): see workers.hpp.
    {Command::worker, "worker", " [FILE...]", "sweep what a line on standard input says", "", ""},
};

}  // namespace

std::span<const CommandInfo> commands() { return std::span(table).first(std::size(table) - 1); }

const CommandInfo* find_command(std::string_view name) {
    const auto* found = std::ranges::find(table, name, &CommandInfo::name);
    return found == std::end(table) ? nullptr : found;
}

const CommandInfo& info_of(Command command) { return *std::ranges::find(table, command, &CommandInfo::command); }

po::options_description own_options(Command command) {
    po::options_description options("Options of this command");
    auto add = options.add_options();
    if (command == Command::run || command == Command::explore) {
        add("shard", po::value<std::string>()->value_name("I/N"),
            "sweep only the I-th of N parts, which `gatecrash merge` makes a whole of; its --json has all it needs");
        add("budget", po::value<std::string>()->value_name("N"),
            "stop each sweep after N schedules; its result is then marked \"not exhaustive\"");
        add("max-findings", po::value<std::string>()->value_name("N"),
            "stop each sweep after N findings (default: 25 for explore without --budget, else no limit)");
        add("fail-fast", po::bool_switch(), "the same as --max-findings 1");
        add("stats", po::bool_switch(), "end with a table of where the time went; --json always has it");
        add("resume", po::value<std::string>()->value_name("FILE"),
            "keep in FILE how far the work is, and go on from there if it is there already");
    }
    if (command == Command::run || command == Command::explore || command == Command::merge) {
        add("ktap", po::bool_switch(),
            "write the results to standard output as KTAP, each as it ends; the text then goes to standard error");
        add("junit", po::value<std::string>()->value_name("FILE"),
            "write the results as JUnit XML, too; '-' is standard output, and the text then goes to standard error");
    }
    switch (command) {
        case Command::explore:
            add("events", po::value<std::string>()->value_name("LIST"),
                "what may land: nmi, irq, irq=VECTOR, db, db=ADDRESS, watch=ADDRESS, mc, pf, pf=ADDRESS, "
                "ve, hv, vc, comma-separated; ADDRESS is a number or SYMBOL[+OFFSET] (default: the variant's; of a "
                "file: nmi)");
            add("depth", po::value<std::string>()->value_name("K"),
                "the most events in a schedule (default: the variant's; of a file: 1)");
            add("window", po::value<std::string>()->value_name("RANGES"),
                "land events only in the code of RANGES, comma-separated: each is FROM..TO, from one symbol up to, and "
                "not including, another, or EVENT:FROM..TO for events of that kind alone");
            add("no-prune", po::bool_switch(), "run also schedules that cannot differ from ones that were run");
            break;
        case Command::bench:
            add("baseline", po::value<std::string>()->value_name("FILE"),
                "compare with what --json wrote into FILE: the ratio of each figure, with its 95 % interval");
            add("threshold", po::value<std::string>()->value_name("PART"),
                "how much more than the baseline is no worse, as a part of it (default 0.05)");
            add("plot", po::value<std::string>()->value_name("FILE"), "draw a bar for each figure, as SVG");
            break;
        case Command::list:
            add("covers", po::bool_switch(),
                "print the rows of the catalogue instead, each with the variants that cover it");
            break;
        case Command::replay:
            add("trace", po::bool_switch(), "print it instruction by instruction, with disassembly, stack and events");
            break;
        default:
            break;
    }
    return options;
}

po::options_description common_options() {
    po::options_description options("Options of every command");
    options.add_options()("machine", po::value<std::string>()->value_name("NAME"),
                          "where guests run: auto, host, amd or intel, for doctor and run also all (default auto: host "
                          "if its KVM does what silicon "
                          "does, else amd; intel needs `./dev setup --intel` once)")(
        "jobs", po::value<std::string>()->value_name("N"),
        "workers that share each sweep of `run` and `explore`, at least 1 (default: one for each CPU that this process "
        "may use, at most 16 on the host; emulated machines take at most half the free memory)")(
        "json", po::value<std::string>()->value_name("FILE"),
        "write the results as JSON, too; '-' is standard output, and the text then goes to standard error")(
        "stepper", po::value<std::string>()->value_name("KIND"),
        "how to step: trap-flag or stop-bytes (default trap-flag; stop-bytes where the trap flag leaves state behind)")(
        "quiet", po::bool_switch(), "no progress line; where a report takes standard output, no text either")(
        "help,h", po::bool_switch(), "this")("version", po::bool_switch(), "the version");
    return options;
}

}  // namespace gatecrash::cli
