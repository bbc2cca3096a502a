// Bytes in memory under a name that can be opened (Linux).
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>

namespace stt::fuzz {

class MemoryFile {
 public:
  explicit MemoryFile(std::span<const uint8_t> bytes) : fd_(::memfd_create("fuzzed", 0)) {
    for (size_t written = 0; written < bytes.size();) {
      const auto count = ::write(fd_, bytes.data() + written, bytes.size() - written);
      if (count <= 0) std::abort();
      written += static_cast<size_t>(count);
    }
  }
  ~MemoryFile() { ::close(fd_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

 private:
  int fd_;
};

}  // namespace stt::fuzz
