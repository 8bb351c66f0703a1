#include "gatecrash/guest_code.hpp"

#include <stdexcept>
#include <utility>

#include "api/guest_code_impl.hpp"

namespace gatecrash {
namespace {

/// Has a bit for each ring_once(). It stands after the count of records, in bytes that the recorder does not use.
constexpr std::uint64_t rung_bits = vm::GuestCode::data + sizeof(std::uint64_t);
constexpr unsigned max_rung_bits = (vm::Recorder::record_size - sizeof(std::uint64_t)) * 8;

unsigned usual_ist(Vector vector) {
    switch (vector) {
        case Vector::nmi:
            return GATECRASH_IST_NMI;
        case Vector::db:
            return GATECRASH_IST_DB;
        case Vector::df:
            return GATECRASH_IST_DF;
        case Vector::mc:
            return GATECRASH_IST_MC;
        default:
            return 0;
    }
}

}  // namespace

Handler& Handler::ring(Doorbell bell) {
    return run([bell](Code& k) { k.ring(bell); });
}

Handler& Handler::ring_once(Doorbell bell) {
    if (bells_rung_once_ == max_rung_bits) throw std::length_error("too many calls of ring_once()");
    const auto bit = bells_rung_once_++;
    return run([bell, bit](Code& k) {
        constexpr unsigned word_bits = 64;
        Xbyak::Label rung;
        k.push(k.rax);
        k.mov(k.rax, rung_bits + bit / word_bits * sizeof(std::uint64_t));
        k.bts(k.qword[k.rax], static_cast<std::uint8_t>(bit % word_bits));
        k.pop(k.rax);  // leaves CF unchanged
        k.jc(rung);
        k.ring(bell);
        k.L(rung);
    });
}

Handler& Handler::run(std::function<void(Code&)> body) {
    bodies_.push_back(std::move(body));
    return *this;
}

Handler& Handler::on_ist(unsigned slot) {
    constexpr unsigned slots = 4;
    if (slot > slots) throw std::invalid_argument("a guest has the IST slots 1 to 4, not " + std::to_string(slot));
    ist_ = slot;
    return *this;
}

GuestCode::GuestCode() : GuestCode(std::make_unique<Impl>()) { impl_->code.touch_pages(); }

GuestCode::GuestCode(std::unique_ptr<Impl> impl)
    : kernel(impl->code.kernel), user(impl->code.user), impl_(std::move(impl)) {}

GuestCode::~GuestCode() = default;

Handler& GuestCode::on(Vector vector) {
    auto& handlers = impl_->handlers;
    return handlers.try_emplace(vector, Handler(usual_ist(vector), impl_->bells_rung_once)).first->second;
}

void GuestCode::enter_user(std::uint64_t rflags) { impl_->code.enter_user(rflags); }

void GuestCode::write_msr(std::uint32_t msr, std::uint64_t value) { impl_->code.write_msr(msr, value); }

void GuestCode::enable_syscall(const Xbyak::Label& entry, std::uint64_t fmask) {
    impl_->code.enable_syscall(entry, fmask);
}

std::uint64_t GuestCode::address_of(const Xbyak::Label& label) const { return impl_->code.kernel_address(label); }

void GuestCode::Impl::build() {
    std::vector<vm::RecordingHandler> recording;
    for (const auto& [vector, handler] : handlers) {
        const auto emit = [&bodies = handler.bodies_](Code& k) {
            for (const auto& body : bodies) body(k);
        };
        recording.push_back({static_cast<std::uint8_t>(vector), handler.ist_, emit});
    }
    vm::Recorder(code, max_records).emit(recording);
    auto image = code.build("guest");
    built = Built{std::move(image), code.kernel.getSize(), code.user.getSize()};
}

const vm::Image& GuestCode::Impl::image() {
    if (!built) build();
    if (code.kernel.getSize() != built->kernel_size || code.user.getSize() != built->user_size) {
        throw std::logic_error("this code has changed since a guest booted it: use a GuestCode for each");
    }
    return built->image;
}

}  // namespace gatecrash
