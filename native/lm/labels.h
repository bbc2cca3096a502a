// The plain labels of an alphabet, as the decoder sees them.
#pragma once

#include <string>
#include <vector>

namespace stt {

struct Labels {
  std::vector<std::string> texts;  // UTF-8, in class order, the blank not among them
  int space = -1;                  // class of the space, -1 where there is none
  bool is_bytes = false;           // byte output mode: label i is the byte i + 1

  int size() const { return static_cast<int>(texts.size()); }
};

}  // namespace stt
