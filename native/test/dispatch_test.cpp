/// The instruction set that was forced is the one that runs, and a missing one says why instead of running another.
#include "intermodel/dispatch.hpp"
#include "check.hpp"
#include "kernel_table.hpp"

using namespace intermodel;

int main() {
  bool widestFirst = true;
  int lanes = 1 << 20;
  for (const IsaChoice& choice : listIsas()) {
    std::printf("# %s: %s\n", choice.name, describe(choice.status));
    CHECK((choice.kernels != nullptr) == (choice.status == IsaStatus::kAvailable));
    const IsaChoice found = findIsa(choice.name);
    CHECK(found.kernels == choice.kernels && found.status == choice.status);
    if (choice.kernels == nullptr) continue;
    CHECK(std::strcmp(runningName(*choice.kernels), choice.name) == 0);
    CHECK(std::strcmp(choice.kernels->name, choice.name) == 0);
    widestFirst = widestFirst && choice.kernels->lanes < lanes;
    lanes = choice.kernels->lanes;
  }
  CHECK(widestFirst);
  CHECK(findIsa("scalar").kernels != nullptr);
  CHECK(findIsa("sse9").kernels == nullptr && findIsa("sse9").status == IsaStatus::kUnknown);
  CHECK(findIsa("").status == IsaStatus::kUnknown);
  CHECK(bestIsa().kernels == listIsas()[0].kernels || listIsas()[0].kernels == nullptr);
  return check::finish();
}
