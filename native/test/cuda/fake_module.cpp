/// A module that offers what FAKE_MODULE says: nothing, another version, another size, an old driver's needs, or a
/// device that fails to open.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "../../cuda/interface.h"

namespace {

bool is(const char* name) {
  const char* text = std::getenv("FAKE_MODULE");
  return text != nullptr && std::strcmp(text, name) == 0;
}

int32_t devices(int32_t* count, char* reason, size_t size) {
  *count = is("none") ? 0 : 1;
  if (!is("failing")) return INTERMODEL_CUDA_OK;
  std::snprintf(reason, size, "a fault of the device");
  return INTERMODEL_CUDA_FAILED;
}

int32_t describe(int32_t, IntermodelDevice* out, char*, size_t) {
  *out = {};
  return INTERMODEL_CUDA_OK;
}

int32_t open(const IntermodelOptions*, IntermodelSession**, char* reason, size_t size) {
  std::snprintf(reason, size, "out of memory");
  return INTERMODEL_CUDA_NO_MEMORY;
}

}  // namespace

extern "C" const IntermodelCuda* intermodel_cuda(uint32_t) {
  static IntermodelCuda table{};
  if (is("unknown")) return nullptr;
  table.version = is("version") ? INTERMODEL_CUDA_VERSION + 1 : INTERMODEL_CUDA_VERSION;
  table.size = is("size") ? sizeof table - 8 : sizeof table;
  table.kind = "cuda";
  table.built = "nothing";
  table.needs = 13000;
  table.devices = devices;
  table.describe = describe;
  table.open = open;
  return &table;
}
