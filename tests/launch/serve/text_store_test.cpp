#include "launch/serve/text_store.h"

#include <gtest/gtest.h>

#include "launch/serve/path_pattern.h"

namespace gemring {
namespace {

StoredText text_of(const std::string& text) {
  return {TextStore::id_of(text), std::make_shared<const std::string>(text), 3, 7};
}

TEST(TextStore, KeepsEachTextOnceAndGivesNoneUpForAnother) {
  TextStore texts(10);
  EXPECT_TRUE(texts.put(text_of("12345")));
  EXPECT_TRUE(texts.put(text_of("12345")));
  EXPECT_TRUE(texts.has_room_for(5));
  EXPECT_FALSE(texts.has_room_for(6));
  EXPECT_FALSE(texts.put(text_of("123456")));
  EXPECT_TRUE(texts.put(text_of("67890")));
  EXPECT_EQ(texts.all().size(), 2U);
  EXPECT_EQ(*texts.find(TextStore::id_of("12345"))->text, "12345");
  EXPECT_TRUE(texts.remove(TextStore::id_of("12345")));
  EXPECT_FALSE(texts.remove(TextStore::id_of("12345")));
  EXPECT_FALSE(texts.find(TextStore::id_of("12345")));
  EXPECT_TRUE(texts.put(text_of("abcde")));
}

TEST(PathPattern, AnIdIsANameWithoutSlashes) {
  EXPECT_EQ(id_in("/v1/texts", "/v1/texts"), "");
  EXPECT_EQ(id_in("/v1/texts/a", "/v1/texts/{id}"), "a");
  EXPECT_EQ(id_in("/v1/texts/a/select", "/v1/texts/{id}/select"), "a");
  EXPECT_FALSE(id_in("/v1/texts/a/select", "/v1/texts/{id}"));
  EXPECT_FALSE(id_in("/v1/texts/", "/v1/texts/{id}"));
  EXPECT_FALSE(id_in("/v1/texts//select", "/v1/texts/{id}/select"));
  EXPECT_FALSE(id_in("/v1/texts/../x", "/v1/texts/{id}"));
  EXPECT_FALSE(id_in("/v1/text", "/v1/texts"));
}

}  // namespace
}  // namespace gemring
