#include "posix/error.hpp"

#include <cerrno>
#include <system_error>

namespace gatecrash::posix {

void throw_errno(const std::string& what) { throw std::system_error(errno, std::generic_category(), what); }

}  // namespace gatecrash::posix
