/// The host form of the CUDA module against the kernels of the CPU, to the bit: curvature, mechanism and games, over
/// sizes around tiles and blocks, each in twenty random schedules of blocks and threads, whole and in parts of a batch.
/// The control: with barriers left out, a schedule shows it.
///
///   cuda_test                    the host form
///   cuda_test MODULE [short]     a module on the first device, once; short: the small shapes, for compute-sanitizer
#include <dlfcn.h>

#include "cuda_cases.hpp"

/// The interface of a module beside this program, once its device can be described.
static const IntermodelCuda* openModule(const char* path) {
  void* module = dlopen(path, RTLD_NOW);
  const auto entry = module == nullptr ? nullptr : dlsym(module, "intermodel_cuda");
  if (entry == nullptr) return nullptr;
  const auto* found = reinterpret_cast<decltype(&intermodel_cuda)>(entry)(INTERMODEL_CUDA_VERSION);
  IntermodelDevice device{};
  char reason[256] = "";
  if (found == nullptr || found->describe(0, &device, reason, sizeof reason) != INTERMODEL_CUDA_OK) {
    std::printf("no device: %s\n", reason);
    return nullptr;
  }
  std::printf("%s, compute capability %d.%d, driver for %d\n", device.name, device.major, device.minor, device.driver);
  return found;
}

int main(int count, char** arguments) {
  CHECK(intermodel_cuda(INTERMODEL_CUDA_VERSION + 1) == nullptr);
  if (count > 1) {
    api = openModule(arguments[1]);
    if (api == nullptr) return 3;
    schedules = 0;
    if (count > 2) shapes = 4;
  } else {
    testControl();
  }
  testCurvature();
  testOverflow();
  testSingle();
  testMechanism();
  testLargeGame();
  testLedger();
  return check::finish();
}
