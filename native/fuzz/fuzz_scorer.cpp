// Whatever a scorer file holds: it is refused with a ScorerError, or can be decoded with.

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "beam_search.h"
#include "errors.h"
#include "scorer.h"

namespace {

// A file in memory, under a name that can be opened.
class MemoryFile {
 public:
  MemoryFile(const uint8_t* data, size_t size) : fd_(::memfd_create("scorer", 0)) {
    size_t written = 0;
    while (fd_ >= 0 && written < size) {
      const auto count = ::write(fd_, data + written, size - written);
      if (count <= 0) break;
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

std::vector<float> make_posteriors(int frames, int classes) {
  std::mt19937 random(7);
  std::vector<float> probs;
  for (int t = 0; t < frames; ++t) {
    std::vector<float> row;
    float sum = 0;
    for (int c = 0; c < classes; ++c) {
      const float value = static_cast<float>(random() % 1000) / 1000.0f;
      row.push_back(value * value * value * value + 1e-6f);
      sum += row.back();
    }
    for (const float value : row) probs.push_back(value / sum);
  }
  return probs;
}

stt::Labels characters() {
  stt::Labels labels;
  labels.texts.push_back(" ");
  for (char c = 'a'; c <= 'z'; ++c) labels.texts.emplace_back(1, c);
  labels.texts.push_back("'");
  labels.space = 0;
  return labels;
}

stt::Labels bytes() {
  stt::Labels labels;
  for (int byte = 1; byte < 256; ++byte) labels.texts.emplace_back(1, static_cast<char>(byte));
  labels.space = 31;
  labels.is_bytes = true;
  return labels;
}

void decode_with(const std::string& path, const stt::Labels& labels) {
  constexpr int kFrames = 12;
  try {
    const auto scorer = std::make_shared<stt::Scorer>(path, labels, std::string(32, 'x'));
    stt::DecoderOptions options;
    options.classes = labels.size() + 1;
    options.beam_size = 40;
    options.alpha = 0.9;
    options.beta = 1.2;
    options.space = labels.space;
    options.is_bytes = labels.is_bytes;
    if (!labels.is_bytes) options.hot_phrases.push_back({{3, 1, 20}, 2.0f});
    stt::BeamSearch search(options, scorer);
    search.feed(make_posteriors(kFrames, options.classes).data(), kFrames);
    search.decode(5);
  } catch (const stt::ScorerError&) {
    return;  // what a broken file has to give
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const MemoryFile file(data, size);
  decode_with(file.path(), characters());
  decode_with(file.path(), bytes());
  return 0;
}
