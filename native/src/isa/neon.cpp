#define INTERMODEL_ISA_NEON
#define INTERMODEL_ISA_NAME "neon"
#include "table.hpp"

constinit const intermodel::KernelTable intermodel::kNeonKernels = intermodel::kernelTable();
