"""What is on screen: a folder a page, and folders of parts that several pages share."""
