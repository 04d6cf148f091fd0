#define INTERMODEL_ISA_SCALAR
#define INTERMODEL_ISA_NAME "scalar"
#include "table.hpp"

constinit const intermodel::KernelTable intermodel::kScalarKernels = intermodel::kernelTable();
