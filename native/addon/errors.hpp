/// What C++ code throws, as the code and message that JavaScript sees. One table for calls and for jobs.
#pragma once

#include <exception>
#include <new>
#include <stdexcept>
#include <string>
#include <system_error>

namespace intermodel::addon {

/// A refused argument.
struct ArgumentError : std::runtime_error {
  ArgumentError(const char* error_code, const std::string& message) : std::runtime_error(message), code(error_code) {}
  const char* code;
};

struct Failure {
  const char* code;
  std::string message;
};

/// The failure behind an exception that left `what`.
inline Failure failureOf(const std::exception_ptr& error, const std::string& what) {
  try {
    std::rethrow_exception(error);
  } catch (const ArgumentError& refused) {
    return {refused.code, refused.what()};
  } catch (const std::bad_alloc&) {
    return {"BTM_SHAPE", "BTM_SHAPE: " + what + ": not enough memory for these sizes"};
  } catch (const std::length_error&) {  // a vector beyond its largest size
    return {"BTM_SHAPE", "BTM_SHAPE: " + what + ": not enough memory for these sizes"};
  } catch (const std::system_error& refused) {
    return {"BTM_IO", "BTM_IO: " + what + ": the system refused a thread (" + refused.what() + ")"};
  } catch (const std::exception& bug) {
    return {"BTM_INTERNAL", "BTM_INTERNAL: " + what + ": " + bug.what()};
  } catch (...) {
    return {"BTM_INTERNAL", "BTM_INTERNAL: " + what + ": an unknown exception"};
  }
}

}  // namespace intermodel::addon
