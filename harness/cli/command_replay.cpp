#include "cli/commands.hpp"
#include "cli/option_groups.hpp"
#include "cli/replay.hpp"
#include "cli/target.hpp"

namespace gatecrash::cli {
namespace {

void add_replay(OptionList& options) {
    add_kernel_replay(options);
    add_trace(options);
    add_html(options);
}

ReplayOptions read_replay(const Values& values) {
    auto options = read_schedules(values);
    options.reports.html = values.text_if_given("html");
    options.trace = read_trace(values, options.reports.html.has_value());
    values.check(destinations_of(options));
    return options;
}

int replay_schedules(const ReplayOptions& options) { return replay(replay_command.name, options); }

}  // namespace

const Command replay_command{
    .name = "replay",
    .arguments = " SCHEDULE...",
    .summary = "run one schedule step by step, or several one after another",
    .about =
        "A SCHEDULE is TARGET@EVENT:BOUNDARY[,EVENT:BOUNDARY...], as `run` and `explore` print it. The exit\n"
        "code is 1 if an invariant breaks.\n",
    .examples =
        "  gatecrash replay 'nested-nmi/flag-only@nmi:nmi_iret'\n"
        "  gatecrash replay 'nested-nmi/linus-2010-irq@irq:nmi_iret,nmi:entry_irq_stubs' --trace\n"
        "  gatecrash replay --append pti=on 'linux/getpid@nmi:entry_SYSCALL_64' --trace\n",
    .add_options = add_replay,
    .prepare = prepare<read_replay, replay_schedules>,
    .known_arguments = beginnings_of_schedules};

}  // namespace gatecrash::cli
