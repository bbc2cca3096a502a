// MappedFile on Windows; mapped_file.cpp has that of all other systems.
#define NOMINMAX
#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#include <system_error>

#include "errors.h"
#include "lm/mapped_file.h"

namespace stt {
namespace {

class Handle {
 public:
  explicit Handle(HANDLE handle) : handle_(handle) {}
  ~Handle() {
    if (*this) ::CloseHandle(handle_);
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  explicit operator bool() const { return handle_ != nullptr && handle_ != INVALID_HANDLE_VALUE; }
  HANDLE get() const { return handle_; }

 private:
  HANDLE handle_;
};

[[noreturn]] void fail(const std::string& path, const char* what) {
  const std::error_code code(static_cast<int>(::GetLastError()), std::system_category());
  throw ScorerError(path + ": cannot " + what + ": " + code.message());
}

// Paths come in UTF-8, which the narrow functions of the system do not take.
std::wstring wide(const std::string& path) {
  const int size = static_cast<int>(path.size());
  const int units = ::MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path.data(), size, nullptr, 0);
  if (units == 0) throw ScorerError(path + ": is not the path of a file");
  std::wstring name(static_cast<size_t>(units), L'\0');
  ::MultiByteToWideChar(CP_UTF8, 0, path.data(), size, name.data(), units);
  return name;
}

}  // namespace

MappedFile::MappedFile(const std::string& path) {
  const Handle file(::CreateFileW(wide(path).c_str(), GENERIC_READ, FILE_SHARE_READ, nullptr,
                                  OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, nullptr));
  if (!file) fail(path, "open the file");
  if (::GetFileType(file.get()) != FILE_TYPE_DISK) {
    throw ScorerError(path + ": is not a regular file");
  }
  LARGE_INTEGER size;
  if (!::GetFileSizeEx(file.get(), &size)) fail(path, "read the file's size");
  size_ = static_cast<size_t>(size.QuadPart);
  if (size_ == 0) return;
  const Handle mapping(::CreateFileMappingW(file.get(), nullptr, PAGE_READONLY, 0, 0, nullptr));
  if (!mapping) fail(path, "map the file");
  const void* address = ::MapViewOfFile(mapping.get(), FILE_MAP_READ, 0, 0, 0);
  if (address == nullptr) fail(path, "map the file");
  data_ = static_cast<const uint8_t*>(address);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::UnmapViewOfFile(data_);
}

}  // namespace stt
