#include "machines/modules.hpp"

#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "machines/machine_error.hpp"
#include "machines/run.hpp"
#include "support/compressed.hpp"

namespace gatecrash::machines {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

template <typename Type>
std::string bytes_of(const Type& value) {
    return {reinterpret_cast<const char*>(&value), sizeof(value)};
}

/// Returns the smallest ELF file with a .modinfo section.
std::string module_object(const std::string& information) {
    const std::string names("\0.modinfo\0.shstrtab\0", 20);
    Elf64_Ehdr header{};
    std::copy_n(ELFMAG, SELFMAG, header.e_ident);
    header.e_shoff = sizeof(header) + names.size() + information.size();
    header.e_shnum = 3;
    header.e_shstrndx = 2;
    const Elf64_Shdr none{};
    Elf64_Shdr modinfo{};
    modinfo.sh_name = 1;
    modinfo.sh_offset = sizeof(header) + names.size();
    modinfo.sh_size = information.size();
    Elf64_Shdr strings{};
    strings.sh_name = 10;
    strings.sh_offset = sizeof(header);
    strings.sh_size = names.size();
    return bytes_of(header) + names + information + bytes_of(none) + bytes_of(modinfo) + bytes_of(strings);
}

std::string depends_on(const std::string& list) {
    return module_object(std::string("license=GPL\0", 12) + "depends=" + list + '\0' + "name=x" + '\0');
}

class ModuleFolderTest : public testing::Test {
  protected:
    void TearDown() override { std::filesystem::remove_all(folder_); }
    void put(const std::string& path, const std::string& content) const {
        std::filesystem::create_directories((folder_ / path).parent_path());
        std::ofstream(folder_ / path) << content;
    }
    std::vector<std::string> read(const std::vector<std::string>& wanted) const {
        std::vector<std::string> names;
        for (const auto& module : read_modules(folder_, wanted)) names.push_back(module.name);
        return names;
    }
    std::string template_ = testing::TempDir() + "/modules-XXXXXX";
    std::filesystem::path folder_ = ::mkdtemp(template_.data());
};

TEST(Modules, TakeBothKindsOfDashInANameForTheSame) { EXPECT_EQ(module_name("kvm-amd"), "kvm_amd"); }

TEST(Modules, SayWhatTheyNeed) {
    EXPECT_THAT(module_dependencies(depends_on("kvm,irq-bypass")), ElementsAre("kvm", "irq_bypass"));
    EXPECT_THAT(module_dependencies(depends_on("")), IsEmpty());
    EXPECT_THAT(module_dependencies(module_object("license=GPL")), IsEmpty());
}

TEST(Modules, ThatAreTruncatedAreAnError) {
    const auto whole = depends_on("kvm");
    for (std::size_t size = 0; size < whole.size(); ++size) {
        EXPECT_THROW(module_dependencies(std::string_view(whole).substr(0, size)), MachineError) << size;
    }
}

TEST(Modules, LoadAfterWhatTheyNeed) {
    EXPECT_THAT(
        module_order(
            std::vector<std::string>{"kvm-amd", "console"},
            {{"kvm_amd", {"kvm"}}, {"kvm", {"irqbypass"}}, {"irqbypass", {}}, {"console", {"ring"}}, {"ring", {}}}),
        ElementsAre("irqbypass", "kvm", "kvm_amd", "ring", "console"));
}

TEST(Modules, WithACircleOrAGapAreAnError) {
    EXPECT_THROW(module_order(std::vector<std::string>{"a"}, {{"a", {"b"}}, {"b", {"a"}}}), MachineError);
    EXPECT_THROW(module_order(std::vector<std::string>{"a"}, {{"a", {"b"}}}), MachineError);
}

TEST_F(ModuleFolderTest, IsSearchedAtEveryDepth) {
    put("arch/kvm-amd.ko", depends_on("kvm"));
    put("arch/deep/kvm.ko", depends_on(""));
    EXPECT_THAT(read({"kvm_amd"}), ElementsAre("kvm", "kvm_amd"));
}

TEST_F(ModuleFolderTest, LeavesOutWhatIsBuiltIn) {
    put("kvm-amd.ko", depends_on("kvm"));
    put("modules.builtin", "kernel/arch/x86/kvm/kvm.ko\n");
    EXPECT_THAT(read({"kvm_amd"}), ElementsAre("kvm_amd"));
}

TEST_F(ModuleFolderTest, NamesWhatIsMissing) {
    try {
        read({"kvm_amd"});
        FAIL() << "nothing was missing";
    } catch (const MachineError& error) {
        EXPECT_THAT(error.what(), HasSubstr("no module kvm_amd in " + folder_.string()));
        EXPECT_THAT(error.remedy(), HasSubstr("./dev setup"));
    }
    EXPECT_THROW(read_modules(folder_ / "nowhere", {}), MachineError);
}

TEST_F(ModuleFolderTest, UnpacksCompressedModules) {
    put("kvm-amd.ko.zst", in_zstd(depends_on("kvm")));
    put("kvm.ko.xz", in_xz(depends_on("irqbypass")));
    put("irqbypass.ko.gz", in_gzip(depends_on("")));
    const auto modules = read_modules(folder_, std::vector<std::string>{"kvm_amd"});
    ASSERT_EQ(modules.size(), 3U);
    EXPECT_EQ(modules[0].object, depends_on(""));
    EXPECT_EQ(modules[1].object, depends_on("irqbypass"));
    EXPECT_EQ(modules[2].object, depends_on("kvm"));
}

TEST_F(ModuleFolderTest, NamesADamagedModule) {
    const auto expect_refused = [this](const std::string& name, const std::string& content, const std::string& why) {
        put(name, content);
        try {
            read({"kvm"});
            ADD_FAILURE() << name << " was taken";
        } catch (const MachineError& error) {
            EXPECT_THAT(error.what(), HasSubstr(why));
            EXPECT_THAT(error.remedy(), HasSubstr("GATECRASH_MODULES"));
        }
        std::filesystem::remove(folder_ / name);
    };
    const auto whole = in_xz(depends_on(""));
    expect_refused("kvm.ko.xz", whole.substr(0, whole.size() / 2), "kvm.ko.xz: the xz data is damaged or cut off");
    expect_refused("kvm.ko.xz", "?", "kvm.ko.xz: the payload begins with 3f");
    expect_refused("kvm.ko", "?", "a kernel module is not an ELF file");
}

TEST(InstalledKernel, IsWhereDistributionsPutIt) {
    auto name = testing::TempDir() + "/root-XXXXXX";
    const std::filesystem::path root = ::mkdtemp(name.data());
    const auto modules = root / "lib/modules/6.1";
    std::filesystem::create_directories(root / "boot");
    std::ofstream(root / "boot/vmlinuz-6.1") << "image";
    EXPECT_FALSE(installed_kernel(root, "6.1")) << "it needs its modules";
    std::filesystem::create_directories(modules);
    const auto on_debian = installed_kernel(root, "6.1");
    ASSERT_TRUE(on_debian);
    EXPECT_EQ(on_debian->image, root / "boot/vmlinuz-6.1");
    EXPECT_EQ(on_debian->modules, modules);
    std::filesystem::remove(root / "boot/vmlinuz-6.1");
    EXPECT_FALSE(installed_kernel(root, "6.1"));
    std::ofstream(modules / "vmlinuz") << "image";
    const auto on_arch = installed_kernel(root, "6.1");
    ASSERT_TRUE(on_arch);
    EXPECT_EQ(on_arch->image, modules / "vmlinuz");
    std::filesystem::remove_all(root);
}

}  // namespace
}  // namespace gatecrash::machines
