#include "cli/tracing.hpp"

#include <exception>
#include <utility>

#include "cli/source_trace.hpp"

namespace gatecrash::cli {
namespace {

constexpr const char *trace_option = "trace", *limit_option = "trace-limit", *syntax_option = "syntax";

constexpr Choice<vm::Syntax> syntax_words[] = {{"intel", vm::Syntax::intel}, {"att", vm::Syntax::att}};

}  // namespace

std::size_t limit_for(bool is_terminal) {
    constexpr std::size_t on_terminal = 1000;
    return is_terminal ? on_terminal : 0;
}

void add_limit(Words& words, std::size_t limit) { words.push_back(fmt::format("--{}={}", limit_option, limit)); }

void add_trace(OptionList& options) {
    namespace po = boost::program_options;
    options.add_options()(
        trace_option, po::value<std::string>()->implicit_value(std::string(standard_output))->value_name("FILE"),
        "print each instruction, with its disassembly, the stack and the events; --trace=FILE writes that to FILE");
    add_text(options, limit_option, "N",
             "of a long trace, keep the first N and the last N steps, and N events between them; 0 keeps all (default: "
             "1000 on a terminal, otherwise 0)");
    add_text(options, syntax_option, "NAME", "the syntax of the trace's instructions: intel or att (default intel)");
}

TraceOptions read_trace(const Values& values, bool has_page) {
    TraceOptions options;
    const auto file = values.text_if_given(trace_option);
    options.is_wanted = file.has_value();
    if (file && *file != standard_output) options.file = file;
    options.limit = values.number_if_given<std::size_t>(limit_option, 0);
    options.syntax = values.choice_if_given<vm::Syntax>(syntax_option, syntax_words).value_or(vm::Syntax::intel);
    if (!file && values.has(limit_option)) values.fail(fmt::format("--{} needs --trace", limit_option));
    if (!file && !has_page && values.has(syntax_option))
        values.fail(fmt::format("--{} needs --trace or --html", syntax_option));
    return options;
}

Tracing::Tracing(const TraceOptions& options, bool is_kept, bool is_terminal, Print print)
    : options_(options),
      is_kept_(is_kept),
      limited_(options.limit.value_or(limit_for(is_terminal && !options.file)), std::move(print)) {}

Tracing::~Tracing() {
    try {
        limited_.finish();
    } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): the run has failed for another reason
    }
}

sweep::TraceSink Tracing::sink() {
    if (!options_.is_wanted && !is_kept_ && !options_.has_story) return {};
    return {.receive = [this](const sweep::TraceItem& item) { add(item); }, .syntax = options_.syntax};
}

void Tracing::add(const sweep::TraceItem& item) {
    if (options_.has_story) story_.add(item);
    if (is_kept_) kept_.add(item);
    if (!options_.is_wanted) return;
    const auto* const instruction = std::get_if<sweep::TracedInstruction>(&item);
    limited_.add((instruction == nullptr ? "" : address_line(instruction->address) + "\n") + sweep::to_string(item),
                 instruction == nullptr);
}

std::vector<std::string> Tracing::take() {
    limited_.finish();
    return kept_.take();
}

}  // namespace gatecrash::cli
