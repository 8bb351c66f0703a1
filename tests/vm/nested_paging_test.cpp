#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "vm/quirks/stale_page_tables.hpp"

namespace gatecrash::vm::quirks {
namespace {

namespace fs = std::filesystem;

bool has_nested_paging_if(const char* parameter, const char* value) {
    const auto modules = fs::path(testing::TempDir()) / "gatecrash-nested-paging";
    const auto file = modules / parameter;
    fs::create_directories(file.parent_path());
    std::ofstream(file) << value << "\n";
    const bool has = has_nested_paging(modules);
    fs::remove_all(modules);
    return has;
}

TEST(NestedPaging, IsWhatTheParameterOfEitherModuleSays) {
    EXPECT_TRUE(has_nested_paging_if("kvm_amd/parameters/npt", "Y"));
    EXPECT_TRUE(has_nested_paging_if("kvm_amd/parameters/npt", "1"));
    EXPECT_FALSE(has_nested_paging_if("kvm_amd/parameters/npt", "N"));
    EXPECT_TRUE(has_nested_paging_if("kvm_intel/parameters/ept", "Y"));
    EXPECT_FALSE(has_nested_paging_if("kvm_intel/parameters/ept", "N"));
}

TEST(NestedPaging, IsNotAssumed) { EXPECT_FALSE(has_nested_paging_if("kvm/parameters/tdp_mmu", "Y")); }

}  // namespace
}  // namespace gatecrash::vm::quirks
